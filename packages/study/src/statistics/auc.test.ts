import { expect, test } from 'vitest';
import { areaUnderCurve } from './auc.js';

test('the area under the curve is the chance to score above', () => {
  const isOdd = (token: number) => token % 2 === 1;
  expect(areaUnderCurve([0, 1, 0, 1], isOdd)).toBe(1);
  expect(areaUnderCurve([1, 0, 1, 0], isOdd)).toBe(0);
  expect(areaUnderCurve([1, 1, 1, 1], isOdd)).toBe(0.5);
  // Of the pairs 3 > 1, 3 > 2, 0 < 1, 0 < 2.
  expect(areaUnderCurve([1, 3, 2, 0], isOdd)).toBe(0.5);
  expect(areaUnderCurve([1, 2], () => true)).toBeUndefined();
});
