/** Loads that are stopped, and loads that take the place of others; the worker is one that answers when told to. */
import { beforeEach, expect, test, vi } from 'vitest';
import type { ModelFacts } from '../worker/protocol.js';
import { loadModel, stopLoading } from './load.js';
import { ended } from './short-worker.js';
import { model, status } from './store.js';

const facts: ModelFacts = { device: 'wasm', noWebgpu: undefined, threads: 1, layers: 12 };
const loads: { resolve(facts: ModelFacts): void; reject(reason: Error): void }[] = [];
const offline = { until: Promise.resolve() };

vi.mock('./offline.js', () => ({ offlineReady: () => offline.until }));

vi.mock('./worker.js', () => ({
  endWorker: () => {
    for (const load of loads) load.reject(ended);
  },
  withWorker: () =>
    new Promise<ModelFacts>((resolve, reject) => {
      loads.push({ resolve, reject });
    }),
}));

vi.stubGlobal('document', { baseURI: 'http://page/' });

beforeEach(() => {
  loads.length = 0;
  offline.until = Promise.resolve();
  model.value = { phase: 'none' };
});

test('a load that is stopped ends without a word of failure, and can be begun again', async () => {
  const first = loadModel();
  await vi.waitFor(() => expect(loads).toHaveLength(1));
  stopLoading();
  expect(await first).toBe(false);
  expect([model.value.phase, status.value]).toEqual(['none', 'Stopped']);
  const second = loadModel();
  await vi.waitFor(() => expect(loads).toHaveLength(2));
  loads[1]?.resolve(facts);
  expect(await second).toBe(true);
  expect(model.value).toEqual({ phase: 'ready', facts });
});

test('one that has not reached the worker is not begun after another, nor after a stop', async () => {
  let ready = () => {};
  offline.until = new Promise((resolve) => {
    ready = resolve;
  });
  const first = loadModel();
  const second = loadModel();
  ready();
  expect(await first).toBe(false);
  await vi.waitFor(() => expect(loads).toHaveLength(1));
  loads[0]?.resolve(facts);
  expect(await second).toBe(true);
  const third = loadModel();
  stopLoading();
  expect(await third).toBe(false);
  expect([loads.length, model.value.phase]).toEqual([1, 'none']);
});
