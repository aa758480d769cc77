import { expect, test } from 'vitest';
import { arrayAlgebra } from '../algebra/arrays.js';
import { ndarray } from '../algebra/ndarray.js';
import { instructionAttention, rotate } from './instruction-attention.js';

const still = (rows: number) => ({
  cos: ndarray(new Array(rows).fill(1), [rows, 1]),
  sin: ndarray(new Array(rows).fill(0), [rows, 1]),
});

test('a query that matches one key attends to it; the causal bias hides what is behind', () => {
  const attention = instructionAttention(
    arrayAlgebra,
    {
      queries: ndarray([Math.log(3), 0], [1, 1, 2]),
      keys: ndarray([1, 0, 0, 1, 1, 0], [1, 3, 2]),
      queryRotary: still(1),
      keyRotary: still(3),
      causalBias: ndarray([0, 0, -1e9], [1, 3]),
    },
    { heads: 1, kvHeads: 1, headDim: 2, scale: 1 },
  );
  expect(attention.shape).toEqual([1, 3]);
  expect(attention.data[0]).toBeCloseTo(0.75, 12);
  expect(attention.data[1]).toBeCloseTo(0.25, 12);
  expect(attention.data[2]).toBe(0);
});

test('query heads share the key heads of their group', () => {
  // Heads 0 and 1 read key head 0, heads 2 and 3 read key head 1.
  const attention = instructionAttention(
    arrayAlgebra,
    {
      queries: ndarray([Math.log(3), 0, Math.log(3), 0, 0, 0, 0, 0], [1, 1, 8]),
      keys: ndarray([1, 0, 5, 5, 0, 1, 7, 7], [1, 2, 4]),
      queryRotary: still(1),
      keyRotary: still(2),
      causalBias: ndarray([0, 0], [1, 2]),
    },
    { heads: 4, kvHeads: 2, headDim: 2, scale: 1 },
  );
  expect(attention.data[0]).toBeCloseTo((0.75 + 0.75 + 0.5 + 0.5) / 4, 12);
});

test('rotary turns the two halves by the angle', () => {
  const angle = Math.PI / 2;
  const table = {
    cos: ndarray([Math.cos(angle)], [1, 1]),
    sin: ndarray([Math.sin(angle)], [1, 1]),
  };
  const rotated = rotate(arrayAlgebra, ndarray([1, 0], [1, 1, 2]), table, 2);
  expect(rotated.data[0]).toBeCloseTo(0, 12);
  expect(rotated.data[1]).toBeCloseTo(1, 12);
});
