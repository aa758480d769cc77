import { ndarray } from '@transprune/core';
import { expect, test } from 'vitest';
import { lastLogits, relativeDifference, worst } from './compare.js';

test('differences are relative to the largest that is expected', () => {
  expect(relativeDifference([1, -4], [1, -5])).toBeCloseTo(0.2);
  expect(relativeDifference([], [])).toBe(0);
  expect(relativeDifference([0, 0], [0, 0])).toBe(0);
});

test('what cannot be compared has no difference', () => {
  expect(relativeDifference([1], [1, 2])).toBeNull();
  expect(relativeDifference([1, Number.NaN], [1, 2])).toBeNull();
  expect(relativeDifference([1, 2], [1, Number.NaN])).toBeNull();
  expect(worst([0.5, null, 0.1])).toBeNull();
  expect(worst([0.5, 0.1])).toBe(0.5);
  expect(worst([])).toBe(0);
});

test("a row's last logits", () => {
  const logits = ndarray([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]);
  expect([...lastLogits(logits, 0)]).toEqual([3, 4]);
  expect([...lastLogits(logits, 1)]).toEqual([7, 8]);
});
