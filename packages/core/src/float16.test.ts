import { expect, test } from 'vitest';
import { float16Array, float16Bits, float16Value } from './float16.js';
import { uniformNoise } from './signals/noise.js';

test.each([
  [0, 0],
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [Number.POSITIVE_INFINITY, 0x7c00],
])('%d is %d', (value, bits) => {
  expect(float16Bits(value)).toBe(bits);
  expect(float16Value(bits)).toBe(value);
});

test('numbers between two become the nearest, ties the even one', () => {
  expect(float16Bits(1 + 2 ** -11)).toBe(0x3c00);
  expect(float16Bits(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(float16Bits(0.1)).toBe(0x2e66);
  expect(float16Bits(65520)).toBe(0x7c00);
  expect(float16Bits(-0)).toBe(0x8000);
  expect(float16Value(float16Bits(Number.NaN))).toBeNaN();
});

test('arrays have the bits of each number', () => {
  const powers = Array.from({ length: 60 }, (_, at) => 2 ** (at - 40));
  const ties = powers.flatMap((power) => [1, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map((f) => f * power));
  const edges = [0, 65504, 65519.996, 65520, 1e9, Number.POSITIVE_INFINITY, Number.NaN];
  const random = uniformNoise(1, 20_000).map((u, at) => (u - 0.5) * 2 ** ((at % 48) - 28));
  const some = [...powers, ...ties, ...edges, ...random];
  const values = Float32Array.from([...some, ...some.map((value) => -value)]);
  const bits = Array.from(values, float16Bits);
  expect(Array.from(float16Array(values))).toEqual(bits);
  expect(Array.from(float16Array(Array.from(values)))).toEqual(bits);
});
