import { expect, test } from 'vitest';
import { average, differenceOfPoints, medianOf, share } from './estimate.js';

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

test("Newcombe's paired interval, at a figure of his paper; few answers are never certain", () => {
  // Both right, the first alone, the second alone, neither: 36, 12, 2, 0.
  const pairs = [
    ...Array.from({ length: 36 }, () => [1, 1]),
    ...Array.from({ length: 12 }, () => [1, 0]),
    ...Array.from({ length: 2 }, () => [0, 1]),
  ];
  const column = (at: number) => pairs.map((pair) => pair[at] ?? 0);
  const { value, low, high } = differenceOfPoints(column(0), column(1));
  expect([value, low, high].map((x) => Number(x.toFixed(4)))).toEqual([0.2, 0.0569, 0.3404]);
  const alike = differenceOfPoints([1, 1, 1, 1], [1, 1, 1, 1]);
  expect(alike.value).toBe(0);
  expect(alike.low).toBeLessThan(-0.3);
  // Points between 0 and 1 are drawn again and again.
  expect(differenceOfPoints([0.5, 1], [0.5, 1])).toEqual({ value: 0, low: 0, high: 0 });
  expect(differenceOfPoints([], []).value).toBeNaN();
});

test('a median, with its interval', () => {
  const { value, low, high } = medianOf([5, 1, 3, 2, 4]);
  expect(value).toBe(3);
  expect(low).toBeGreaterThanOrEqual(1);
  expect(high).toBeLessThanOrEqual(5);
  expect(low).toBeLessThan(high);
});
