import { beforeEach, expect, test } from 'vitest';
import { ended } from './short-worker.js';
import { status } from './store.js';
import { task } from './task.js';

const reading = task<{ readonly doing: string }>();

beforeEach(() => {
  status.value = '';
});

test('what is done is shown until it is over', async () => {
  const over = reading.run({ doing: 'reading a' }, async () => {
    status.value = 'a is read';
  });
  expect(reading.progress.value).toEqual({ doing: 'reading a' });
  await over;
  expect(reading.progress.value).toBeUndefined();
  expect(status.value).toBe('a is read');
});

test('a failure is told until something else is done; what was stopped is none', async () => {
  await reading.run({ doing: 'reading a' }, () => Promise.reject(new Error('a is no model')));
  expect(reading.failure.value).toBe('a is no model');
  expect(status.value).toBe('a is no model');
  await reading.run({ doing: 'reading b' }, () => Promise.reject(ended));
  expect(reading.failure.value).toBeUndefined();
  expect(status.value).toBe('Stopped');
});

test.each([ended, new Error('a is no model')])(
  'nothing is shown any more of what another one took the place of: %s',
  async (reason) => {
    let end = (_: Error) => {};
    const first = reading.run(
      { doing: 'reading a' },
      () =>
        new Promise((_, reject) => {
          end = reject;
        }),
    );
    let finish = () => {};
    const second = reading.run(
      { doing: 'reading b' },
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    end(reason);
    await first;
    expect(reading.progress.value).toEqual({ doing: 'reading b' });
    expect(reading.failure.value).toBeUndefined();
    expect(status.value).toBe('reading b');
    finish();
    await second;
    expect(reading.progress.value).toBeUndefined();
  },
);
