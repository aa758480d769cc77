/** Signals that are read off one layer, and the even order. */
import { expect, test } from 'vitest';
import { arrayAlgebra } from '../algebra/arrays.js';
import { ndarray } from '../algebra/ndarray.js';
import { keyNorm } from './key-norm.js';
import { spreadOrder, spreadOverImage } from './spread.js';
import { attentionUpdate, layerVariation } from './update.js';

const pass = (output: readonly number[]) => {
  const written = ndarray(output, [1, 2, 2]);
  return { input: written, output: written };
};

test('a layer moves a token by the sum of what its modules write, attention by what it writes itself', () => {
  const modules = [pass([3, 0, 1, 1]), pass([0, 4, -1, -1])];
  expect([...layerVariation(arrayAlgebra, modules).data]).toEqual([5, 0]);
  expect([...attentionUpdate(arrayAlgebra, modules).data]).toEqual([3, Math.SQRT2]);
});

test('key norm is the mean length over the heads', () => {
  const keys = ndarray([3, 4, 0, 0, 0, 1, 6, 8], [1, 2, 2, 2]);
  expect([...keyNorm(arrayAlgebra, keys).data]).toEqual([(5 + 1) / 2, (0 + 10) / 2]);
});

test.each([0.5, 0.25, 0.125, 0.0625])(
  'the first %d of the order cover a square evenly',
  (share) => {
    const side = 24;
    const order = spreadOrder(side * side);
    const ranked = [...order.keys()].sort((a, b) => order[b]! - order[a]!);
    const kept = ranked.slice(0, share * side * side);
    // Every ninth of the square has its share, give or take one row's worth of rounding.
    for (let ninth = 0; ninth < 9; ninth++) {
      const [left, top] = [(ninth % 3) * 8, Math.floor(ninth / 3) * 8];
      const inside = kept.filter((at) => {
        const [column, row] = [at % side, Math.floor(at / side)];
        return column >= left && column < left + 8 && row >= top && row < top + 8;
      });
      expect(Math.abs(inside.length - share * 64)).toBeLessThanOrEqual(3);
    }
  },
);

test('text has no place in the order', () => {
  const order = spreadOrder(4);
  expect([...spreadOverImage([0, 1, 1, 0, 2, 2])]).toEqual([
    0,
    order[0],
    order[1],
    0,
    order[2],
    order[3],
  ]);
});
