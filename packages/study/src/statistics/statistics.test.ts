import { expect, test } from 'vitest';
import { areaUnderCurve } from './auc.js';
import { average, gain, share } from './estimate.js';

const answers = (right: number, count: number) =>
  Array.from({ length: count }, (_, at) => at < right);

test("Wilson's interval, at figures that are in tables", () => {
  // 81 of 263 (R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, method 3).
  const { value, low, high } = share(answers(81, 263));
  expect([value, low, high].map((x) => Number(x.toFixed(4)))).toEqual([0.308, 0.2553, 0.3662]);
  expect(share(answers(0, 20)).low).toBe(0);
  expect(share(answers(0, 20)).high).toBeCloseTo(0.1611, 4);
  expect(share(answers(20, 20)).low).toBeCloseTo(0.8389, 4);
  expect(share([]).value).toBeNaN();
});

test('a bootstrap holds the mean, and is the same each time', () => {
  const values = Array.from({ length: 400 }, (_, at) => at % 2);
  const found = average(values);
  expect(found.value).toBe(0.5);
  // A standard error is 0.025.
  expect(found.low).toBeGreaterThan(0.43);
  expect(found.low).toBeLessThan(0.47);
  expect(found.high).toBeGreaterThan(0.53);
  expect(average(values)).toEqual(found);
  expect(average([3, 3, 3])).toEqual({ value: 3, low: 3, high: 3 });
  expect(average([]).value).toBeNaN();
});

test('a gain is paired: answers that are alike say nothing', () => {
  expect(gain(answers(5, 10), answers(5, 10))).toEqual({ value: 0, low: 0, high: 0 });
  expect(gain(answers(10, 10), answers(0, 10)).value).toBe(1);
  expect(gain(answers(4, 10), answers(6, 10)).value).toBeCloseTo(-0.2, 10);
});

test('the area under the curve is the chance to score above', () => {
  const isOdd = (token: number) => token % 2 === 1;
  expect(areaUnderCurve([0, 1, 0, 1], isOdd)).toBe(1);
  expect(areaUnderCurve([1, 0, 1, 0], isOdd)).toBe(0);
  expect(areaUnderCurve([1, 1, 1, 1], isOdd)).toBe(0.5);
  // Of the pairs 3 > 1, 3 > 2, 0 < 1, 0 < 2.
  expect(areaUnderCurve([1, 3, 2, 0], isOdd)).toBe(0.5);
  expect(areaUnderCurve([1, 2], () => true)).toBeUndefined();
});
