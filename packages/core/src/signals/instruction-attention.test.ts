import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { elementCount, ndarray } from '../algebra/ndarray.js';
import {
  attentionLogits,
  blockedLogit,
  instructionAttention,
  rotate,
  splitHeads,
} from './instruction-attention.js';
import { uniformNoise } from './noise.js';

const random = (seed: number, shape: readonly number[]) =>
  ndarray(
    uniformNoise(seed, elementCount(shape)).map((u) => 2 * u - 1),
    shape,
  );
const size = fc.integer({ min: 1, max: 3 });

test('a query that matches one key attends to it; the bias hides what comes later', () => {
  const queries = ndarray([Math.log(3), 0], [1, 1, 1, 2]);
  const keys = ndarray([1, 0, 0, 1, 1, 0], [1, 1, 3, 2]);
  const shape = { heads: 1, kvHeads: 1, headDim: 2, scale: 1 };
  const logits = attentionLogits(algebra, queries, keys, shape);
  const bias = ndarray([0, 0, blockedLogit], [1, 3]);
  const attention = instructionAttention(algebra, { logits, bias });
  expect(attention).toBeAllclose(ndarray([0.75, 0.25, 0], [1, 3]), { atol: 5e-13 });
  expect(attention.data[2]).toBe(0);
});

test('query heads share the key heads of their group', () => {
  // Heads 0 and 1 read key head 0, heads 2 and 3 read key head 1.
  const queries = ndarray([Math.log(3), 0, Math.log(3), 0, 0, 0, 0, 0], [1, 1, 8]);
  const keys = ndarray([1, 0, 5, 5, 0, 1, 7, 7], [1, 2, 4]);
  const shape = { heads: 4, kvHeads: 2, headDim: 2, scale: 1 };
  const logits = attentionLogits(
    algebra,
    splitHeads(algebra, queries, 4, 2),
    splitHeads(algebra, keys, 2, 2),
    shape,
  );
  const attention = instructionAttention(algebra, { logits, bias: ndarray([0, 0], [1, 2]) });
  expect(attention.data[0]).toBeCloseTo((0.75 + 0.75 + 0.5 + 0.5) / 4, 12);
});

test('logits are the scaled, capped dot products of each head with its key head', () => {
  const sizes = fc.tuple(size, size, size, size, size, size);
  const cap = fc.option(fc.double({ min: 0.1, max: 50, noNaN: true }), { nil: undefined });
  fc.assert(
    fc.property(sizes, cap, fc.nat(), (sampled, softcap, seed) => {
      const [batch, kvHeads, group, rows, count, headDim] = sampled;
      const heads = kvHeads * group;
      const queries = random(seed, [batch, heads, rows, headDim]);
      const keys = random(seed + 1, [batch, kvHeads, count, headDim]);
      const shape = { heads, kvHeads, headDim, scale: 0.7, softcap };
      const logits = attentionLogits(algebra, queries, keys, shape);
      const expected = logits.data.map((_, at) => {
        const [key, row] = [at % count, Math.floor(at / count) % rows];
        const head = Math.floor(at / (count * rows));
        const keyHead = Math.floor(head / group);
        let product = 0;
        for (let i = 0; i < headDim; i++) {
          const q = queries.data[(head * rows + row) * headDim + i]!;
          product += q * keys.data[(keyHead * count + key) * headDim + i]!;
        }
        const scaled = 0.7 * product;
        return softcap === undefined ? scaled : softcap * Math.tanh(scaled / softcap);
      });
      expect(logits).toBeAllclose(ndarray(expected, [batch, heads, rows, count]), { atol: 5e-13 });
    }),
  );
});

test('equal row weights are no weights; a row without weight is not there', () => {
  fc.assert(
    fc.property(size, size, size, size, fc.nat(), (batch, heads, rows, keys, seed) => {
      const logits = random(seed, [batch, heads, rows, keys]);
      const bias = ndarray([0], [1]);
      const weightOf = (weight: (row: number) => number) =>
        ndarray(
          Array.from({ length: batch * rows }, (_, at) => weight(at % rows)),
          [batch, 1, rows, 1],
        );
      const plain = instructionAttention(algebra, { logits, bias });
      const rowWeights = weightOf(() => 1 / rows);
      const weighted = instructionAttention(algebra, { logits, bias, rowWeights });
      expect(weighted.shape).toEqual([batch, keys]);
      expect(weighted).toBeAllclose(plain, { atol: 5e-13 });

      const lastOnly = weightOf((row) => (row === rows - 1 ? 1 : 0));
      const last = instructionAttention(algebra, { logits, bias, rowWeights: lastOnly });
      const lastRow = algebra.slice(logits, 2, rows - 1, rows);
      const alone = instructionAttention(algebra, { logits: lastRow, bias });
      expect(last).toBeAllclose(alone, { atol: 5e-13 });
    }),
  );
});

test('rotary turns the two halves by the angle', () => {
  const angle = Math.PI / 2;
  const table = {
    cos: ndarray([Math.cos(angle)], [1, 1]),
    sin: ndarray([Math.sin(angle)], [1, 1]),
  };
  const rotated = rotate(algebra, ndarray([1, 0], [1, 1, 2]), table, 2);
  expect(rotated).toBeAllclose(ndarray([0, 1], [1, 1, 2]), { atol: 5e-13 });
});
