import { createHash } from 'node:crypto';
import { encodeModel } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { mutantOf } from '../seed.js';

test('a seed makes the same model and plan each time, another seed another', async () => {
  const made = async (seed: number) => {
    const { model, plan, changes } = await mutantOf(seed);
    expect(changes.length).toBeGreaterThan(0);
    const hash = createHash('sha256').update(encodeModel(model)).digest('hex');
    return { hash, plan };
  };
  const [first, again, other] = [await made(3), await made(3), await made(34)];
  expect(again).toEqual(first);
  expect(other.hash).not.toBe(first.hash);
});
