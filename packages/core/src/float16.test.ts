import { expect, test } from 'vitest';
import { float16Bits, float16Value } from './float16.js';

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
