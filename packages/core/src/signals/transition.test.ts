import { expect, test } from 'vitest';
import { arrayAlgebra } from '../algebra/arrays.js';
import { ndarray } from '../algebra/ndarray.js';
import { layerTransition, tokenTransition } from './transition.js';

// Two tokens: the first keeps its direction and doubles, the second turns around and halves.
const input = ndarray([3, 4, 0, 2], [1, 2, 2]);
const output = ndarray([6, 8, 0, -1], [1, 2, 2]);
const e = Math.E;

test.each([
  ['cos', [(2 * e) / (e + 1 / e), (0.5 * (1 / e)) / (e + 1 / e)]],
  ['|cos|', [1, 0.25]],
  ['1-cos', [2 / (1 + e ** 2), (0.5 * e ** 2) / (1 + e ** 2)]],
  ['1-|cos|', [1, 0.25]],
] as const)('magnitude times softmax of %s', (direction, expected) => {
  const value = tokenTransition(arrayAlgebra, { input, output }, direction);
  expect(value.shape).toEqual([1, 2]);
  value.data.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i]!, 7);
  });
});

test("a layer's transition is the sum over its modules", () => {
  const module = { input, output };
  const one = tokenTransition(arrayAlgebra, module, '1-cos');
  const two = layerTransition(arrayAlgebra, [module, module], '1-cos');
  two.data.forEach((v, i) => {
    expect(v).toBeCloseTo(2 * one.data[i]!, 12);
  });
});

test('a module that writes nothing leaves no trace in the value of any token', () => {
  const silent = { input, output: ndarray([0, 0, 0, 0], [1, 2, 2]) };
  expect([...tokenTransition(arrayAlgebra, silent, '1-cos').data]).toEqual([0, 0]);
  const both = layerTransition(arrayAlgebra, [{ input, output }, silent], '1-cos');
  expect(both).toEqual(tokenTransition(arrayAlgebra, { input, output }, '1-cos'));
});

test('a token that is zero counts as 0', () => {
  const half = ndarray([3, 4, 0, 0], [1, 2, 2]);
  const mixed = tokenTransition(arrayAlgebra, { input: half, output: half }, 'cos');
  expect(mixed.data[0]).toBeCloseTo(e / (e + 1), 7);
  expect(mixed.data[1]).toBe(0);
});
