import { expect, test } from 'vitest';
import { mean, ratioOfPoints } from './ratio.js';

test('a ratio of points is that of their sums, and its interval holds it', () => {
  const others = Array.from({ length: 200 }, (_, at) => (at % 10 === 0 ? 0 : 1));
  const points = others.map((point, at) => (at % 4 === 1 ? 0 : point));
  const { value, low, high } = ratioOfPoints(points, others);
  expect(value).toBeCloseTo(mean(points) / mean(others), 12);
  expect(low).toBeLessThan(value);
  expect(high).toBeGreaterThan(value);
  // About two standard deviations of a share of .72 among 180.
  expect(high - low).toBeGreaterThan(0.1);
  expect(high - low).toBeLessThan(0.17);
});

test('points of a question are drawn together: what is right wherever the other is loses nothing', () => {
  const others = [1, 0, 1, 0, 1, 1];
  expect(ratioOfPoints(others, others)).toEqual({ value: 1, low: 1, high: 1 });
  // Points between, such as a mean over random choices, are half of it in every sample.
  expect(
    ratioOfPoints(
      others.map((point) => point / 2),
      others,
    ),
  ).toEqual({ value: 0.5, low: 0.5, high: 0.5 });
});

test('nothing right to be a share of is no number', () => {
  expect(ratioOfPoints([], []).value).toBeNaN();
  expect(ratioOfPoints([1, 0], [0, 0]).value).toBeNaN();
});
