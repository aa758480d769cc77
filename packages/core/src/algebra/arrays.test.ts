import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayAlgebra as algebra } from './arrays.js';
import { type NDArray, ndarray, take } from './ndarray.js';

const matrix = (rows: number[][]): NDArray =>
  ndarray(rows.flat(), [rows.length, rows[0]?.length ?? 0]);
const values = ({ data }: NDArray) => [...data];

describe('operations on a hand-computed example', () => {
  const x = matrix([
    [1, 2, 2],
    [-3, 0, 4],
  ]);

  test('elementwise operations broadcast from the right', () => {
    const row = ndarray([1, 10, 100], [3]);
    expect(values(algebra.add(x, row))).toEqual([2, 12, 102, -2, 10, 104]);
    const column = matrix([[2], [3]]);
    expect(values(algebra.multiply(x, column))).toEqual([2, 4, 4, -9, 0, 12]);
    expect(values(algebra.divide(algebra.negate(x), algebra.constant(2)))).toEqual([
      -0.5, -1, -1, 1.5, -0, -2,
    ]);
    expect(values(algebra.abs(x))).toEqual([1, 2, 2, 3, 0, 4]);
    expect(values(algebra.tanh(row))).toEqual([Math.tanh(1), Math.tanh(10), Math.tanh(100)]);
  });

  test('reductions drop axes or keep them as 1', () => {
    expect(algebra.sum(x, [-1])).toEqual(ndarray([5, 1], [2]));
    expect(algebra.sum(x, [0, 1], true)).toEqual(ndarray([6], [1, 1]));
    expect(algebra.mean(x, [0])).toEqual(ndarray([-1, 1, 3], [3]));
    expect(algebra.l2norm(x, [-1], true)).toEqual(ndarray([3, 5], [2, 1]));
  });

  test('shapes', () => {
    expect(algebra.transpose(x, [1, 0])).toEqual(ndarray([1, -3, 2, 0, 2, 4], [3, 2]));
    expect(algebra.reshape(x, [0, -1, 1]).shape).toEqual([2, 3, 1]);
    const deep = ndarray(new Float64Array(48), [2, 2, 4, 3]);
    expect(algebra.reshape(deep, [0, 4, -1, 0]).shape).toEqual([2, 4, 2, 3]);
    expect(algebra.reshape(deep, [0, 1, -1, 3]).shape).toEqual([2, 1, 8, 3]);
    expect(algebra.slice(x, -1, 1, 3)).toEqual(ndarray([2, 2, 0, 4], [2, 2]));
    const joined = algebra.concat([algebra.slice(x, 1, 0, 1), algebra.slice(x, 1, 2, 9)], -1);
    expect(joined).toEqual(ndarray([1, 2, -3, 4], [2, 2]));
    expect(take(x, 1, [2, 0])).toEqual(ndarray([2, 1, 4, -3], [2, 2]));
  });

  test('matmul broadcasts over leading axes', () => {
    const stacked = ndarray([1, 0, 0, 1, 2, 0, 0, 2], [2, 2, 2]);
    expect(algebra.matmul(stacked, x).shape).toEqual([2, 2, 3]);
    expect(values(algebra.matmul(stacked, x))).toEqual([1, 2, 2, -3, 0, 4, 2, 4, 4, -6, 0, 8]);
  });

  test('shapes that do not fit are refused', () => {
    expect(() => algebra.add(x, ndarray([1, 2], [2]))).toThrow(/do not broadcast/);
    expect(() => algebra.matmul(x, x)).toThrow(/inner sizes/);
    expect(() => algebra.reshape(x, [4])).toThrow(/cannot reshape/);
    expect(() => algebra.reshape(x, [4, -1])).toThrow(/cannot reshape/);
    expect(() => ndarray([1, 2], [3])).toThrow(/expected 3 elements/);
  });
});

test('softmax sums to 1, keeps the order and does not overflow', () => {
  const numbers = fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(numbers, (logits) => {
      const probabilities = values(algebra.softmax(ndarray(logits, [1, logits.length]), -1));
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
      const largest = logits.indexOf(Math.max(...logits));
      expect(probabilities[largest]).toBe(Math.max(...probabilities));
    }),
  );
});
