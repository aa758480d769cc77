import { expect, test } from 'vitest';
import { progressOf } from './progress.js';

test('the rate and the time left follow from what came lately', () => {
  let now = 0;
  const progress = progressOf('a', () => now);
  expect(progress(0, 1000)).toEqual({ file: 'a', loaded: 0, total: 1000 });
  now = 1000;
  expect(progress(100, 1000)).toEqual({
    ...{ file: 'a', loaded: 100, total: 1000 },
    ...{ bytesPerSecond: 100, secondsLeft: 9 },
  });
  // Slow at first, fast for longer than the window: the rate is the fast one.
  for (now = 2000; now < 30_000; now += 1000) progress(100 + now, 1_000_000);
  expect(progress(30_100, 1_000_000).bytesPerSecond).toBe(1000);
});

test('what was there before the transfer has no part in the rate', () => {
  let now = 0;
  const progress = progressOf('a', () => now);
  progress(900, 1000);
  now = 1000;
  expect(progress(910, 1000)).toMatchObject({ bytesPerSecond: 10, secondsLeft: 9 });
  // Started anew.
  expect(progress(0, 1000)).toEqual({ file: 'a', loaded: 0, total: 1000 });
});

test('without a total there is no time left', () => {
  let now = 0;
  const progress = progressOf('a', () => now);
  progress(0, undefined);
  now = 500;
  expect(progress(100, undefined)).toEqual({ file: 'a', loaded: 100, bytesPerSecond: 200 });
});
