import { uniformNoise } from '@transprune/core';
import { expect, test } from 'vitest';
import { byRound, median, medianRange, summary } from './statistics.js';
import { benchTimes } from './times.js';

test('the median is the middle value, or the mean of two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(summary([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, values: [3, 1, 2] });
});

test('rounds are compared within themselves', () => {
  // The machine was ten times slower in the second round.
  expect(byRound((a = 0, b = 0) => a / b, [2, 20, 2], [1, 10, 1])).toEqual([2, 2, 2]);
});

test('the median lies in its range 95 times of 100', () => {
  const [rounds, runs] = [25, 2000];
  const noise = uniformNoise(1, rounds * runs);
  const isInside = (_: unknown, run: number) => {
    const [low, high] = medianRange([...noise.slice(run * rounds, (run + 1) * rounds)]);
    return low <= 0.5 && 0.5 <= high;
  };
  const inside = Array.from({ length: runs }, isInside).filter(Boolean).length / runs;
  expect(inside).toBeGreaterThan(0.94);
  expect(inside).toBeLessThan(0.98);
  expect(medianRange([1, 3, 2])).toEqual([1, 3]);
});

test('the speedup has the range of its rounds, not of the times', () => {
  const load = [1, 5, 1, 3, 1, 1];
  const rounds = (ms: number) => load.map((factor) => factor * ms);
  const decode = { baseline: [2], pruned: [1] };
  const even = { baseline: rounds(300), oracle: rounds(100), pruned: rounds(100) };
  const { speedup, speedupRange } = benchTimes({ prefill: even, decode }, 1);
  expect([speedup, ...speedupRange]).toEqual([3, 3, 3]);
  const noisy = { ...even, pruned: rounds(100).toReversed() };
  const times = benchTimes({ prefill: noisy, decode }, 1);
  expect(times.speedupRange).toEqual([0.6, 15]);
});
