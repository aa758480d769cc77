import { Tensor } from '@huggingface/transformers';
import { expect, test } from 'vitest';
import { float32 } from '../../testing/fake-backend.js';
import { fromTransformers, type InnerTensor, toTransformers } from './tensors.js';

const inner = (tensor: Tensor) => tensor.ort_tensor as unknown as InnerTensor;

test('host tensors pass both ways without a copy', () => {
  for (const host of [
    float32([1, 2], Float32Array.of(1, 2)),
    { type: 'int64', dims: [2], data: BigInt64Array.of(1n, 2n) },
    { type: 'bool', dims: [1], data: Uint8Array.of(1) },
    { type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0x4000) },
  ] as const) {
    const tensor = toTransformers(host);
    expect([...tensor.dims]).toEqual([...host.dims]);
    const back = fromTransformers(inner(tensor));
    expect(back).toEqual(host);
    expect('data' in back && back.data.buffer).toBe(host.data.buffer);
  }
});

test('nothing in a tensor is there to be looked through', () => {
  const seen: string[] = [];
  for (const name in toTransformers(float32([1]))) seen.push(name);
  expect(seen).toEqual([]);
});

test('other element types are refused', () => {
  const tensor = new Tensor('uint8', Uint8Array.of(1), [1]);
  expect(() => fromTransformers(inner(tensor))).toThrow(/int64, int32 or bool .* got uint8/);
});

test('float16 of an array class of its own becomes its bits', () => {
  const bits = Uint16Array.of(0x3c00, 0x4000);
  class OwnFloat16 extends Uint8Array {}
  const data = new OwnFloat16(bits.buffer);
  expect(fromTransformers({ type: 'float16', dims: [2], data })).toEqual({
    type: 'float16',
    dims: [2],
    data: bits,
  });
});
