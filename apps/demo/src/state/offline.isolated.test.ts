import { expect, test, vi } from 'vitest';
import { offlineReady, startOffline } from './offline.js';

test('a service worker is waited for until the browser refuses it', async () => {
  const waiting: (() => void)[] = [];
  let refuse = () => {};
  vi.stubGlobal('navigator', {
    serviceWorker: {
      controller: null,
      register: () =>
        new Promise((_, reject) => {
          refuse = () => reject(new DOMException('refused', 'SecurityError'));
        }),
      addEventListener: (_: string, listener: () => void) => waiting.push(listener),
    },
  });
  startOffline();
  const ready = offlineReady();
  expect(waiting).toHaveLength(1);
  waiting[0]?.();
  await ready;
  refuse();
  await new Promise(setImmediate);
  await offlineReady();
  expect(waiting).toHaveLength(1);
});
