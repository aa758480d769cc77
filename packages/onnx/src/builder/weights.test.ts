import { type Checkpoint, float16Bits, ndarray } from '@transprune/core';
import { expect, test } from 'vitest';
import { dequantizeInt4, quantizeInt4 } from './int4.js';
import { checkpointWeights, namedRandomWeights, randomWeights } from './weights.js';

test('float16: exact numbers, ties to even, subnormals, overflow', () => {
  const cases: [number, number][] = [
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [1 / 3, 0x3555],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -12, 0x4000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-Infinity, 0xfc00],
    [Number.NaN, 0x7e00],
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -26, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
  ];
  const bits = Uint16Array.from(
    Float32Array.from(cases, ([value]) => value),
    float16Bits,
  );
  expect([...bits]).toEqual(cases.map(([, expected]) => expected));
});

test('int4: low bits first, 8 added, the last block padded', () => {
  // One column of 34 rows: the first block's extreme is -4, so a step is 0.5; the second's is 7.
  const column = new Float32Array(34);
  column.set([-4, 3.5, 0.5, -0.5]);
  column.set([7, -3.5], 32);
  const { packed, scales, blocks } = quantizeInt4(column, 34);
  expect(blocks).toBe(2);
  expect([...scales]).toEqual([0.5, -0.875]);
  expect([...packed.subarray(0, 3)]).toEqual([0xf0, 0x79, 0x88]);
  expect([...packed.subarray(16, 18)]).toEqual([0xc0, 0x88]);
  expect(packed).toHaveLength(32);
});

test('int4: a way there and back moves no weight further than a step', () => {
  const [rows, columns] = [40, 3];
  const matrix = namedRandomWeights(1).linear(['w'], rows, [columns]);
  const quantized = quantizeInt4(matrix, rows);
  const back = dequantizeInt4(quantized, rows);
  const step = Math.max(...quantized.scales.map(Math.abs));
  expect(back).toHaveLength(matrix.length);
  for (const [i, value] of back.entries()) {
    expect(Math.abs(value - (matrix[i] ?? 0))).toBeLessThanOrEqual(step);
  }
  expect(quantizeInt4(back, rows).packed).toEqual(quantized.packed);
});

test('named random weights are the same packed or split, and differ by name and seed', () => {
  const weights = namedRandomWeights(3);
  const [rows, sizes] = [4, [2, 3]] as const;
  const packed = weights.linear(['q.weight', 'k.weight'], rows, sizes);
  const [q, k] = [weights.linear(['q.weight'], rows, [2]), weights.linear(['k.weight'], rows, [3])];
  for (let row = 0; row < rows; row++) {
    expect(packed.subarray(row * 5, row * 5 + 2)).toEqual(q.subarray(row * 2, row * 2 + 2));
    expect(packed.subarray(row * 5 + 2, row * 5 + 5)).toEqual(k.subarray(row * 3, row * 3 + 3));
  }
  expect(weights.vector('a.bias', 4)).not.toEqual(weights.vector('b.bias', 4));
  expect(weights.vector('a.bias', 4)).not.toEqual(namedRandomWeights(4).vector('a.bias', 4));
});

test('random weights: norms are ones, biases are not', () => {
  const weights = randomWeights(1);
  expect([...weights.vector('model.norm.weight', 3)]).toEqual([1, 1, 1]);
  const bias = weights.vector('model.layers.0.self_attn.q_proj.bias', 64);
  expect(Math.max(...bias)).toBeGreaterThan(0.3);
  expect(Math.max(...bias.map(Math.abs))).toBeLessThan(0.5);
});

test('a checkpoint gives vectors of the size that is asked for, or an error', () => {
  const tensors: Record<string, number[]> = { 'q_proj.bias': [1, 2] };
  const checkpoint: Checkpoint = {
    names: Object.keys(tensors),
    tensor: (name) => ndarray(Float32Array.from(tensors[name] ?? []), [tensors[name]?.length ?? 0]),
  };
  const weights = checkpointWeights(checkpoint);
  expect([...weights.vector('q_proj.bias', 2)]).toEqual([1, 2]);
  expect(() => weights.vector('q_proj.bias', 3)).toThrow(
    'expected q_proj.bias of shape [3], got [2]',
  );
});
