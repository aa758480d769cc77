import { methodNames } from '@transprune/core';
import { expect, test } from 'vitest';
import { keptBy, testMethods } from '../../testing/methods.js';

testMethods({ projections: 'packed' });

test('methods choose differently', () => {
  const choices = methodNames.map((method) => keptBy({ method }));
  // FastV and PyramidDrop differ in their schedule alone.
  expect(new Set(choices).size).toBe(choices.length - 1);
});
