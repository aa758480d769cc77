import { methodNames } from '@transprune/core';
import { expect, test } from 'vitest';
import { keptBy, testMethods } from '../../testing/methods.js';

testMethods({ projections: 'packed' });

test('methods choose differently', () => {
  const choices = methodNames.map((method) => keptBy({ method }));
  // FastV and PyramidDrop differ in their schedule alone.
  expect(new Set(choices).size).toBe(choices.length - 1);
});

test('transition that starts anew at each prune chooses differently', () => {
  const method = 'transition';
  const own = { method, accumulation: 'per-stage' } as const;
  const choices = [{ method }, own, { ...own, accumulateLayers: [7, 9, 12] }].map(keptBy);
  expect(new Set(choices).size).toBe(3);
});
