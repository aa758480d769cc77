import { expect, test } from 'vitest';
import { numberImages, tokensPerImage } from './spans.js';

/** `x` is an image token; one text a row. */
const numbers = (rows: readonly string[], perImage?: number) => {
  const ids = rows.join('').replaceAll('x', '4').replaceAll('.', '7');
  const dims = [rows.length, ids.length / rows.length];
  const data = BigInt64Array.from(ids, BigInt);
  return [...numberImages({ type: 'int64', dims, data }, 4, perImage).data].join('');
};

test('images are numbered from 1 where text is between them', () => {
  expect(numbers(['.xx.xxx..x'])).toBe('0110222003');
  expect(numbers(['....'])).toBe('0000');
  expect(numbers([''])).toBe('');
});

test('without text between them, by the tokens that each takes', () => {
  expect(numbers(['.xxxx.'])).toBe('011110');
  expect(numbers(['.xxxx.xx'], 2)).toBe('01122033');
});

test('each row begins anew', () => {
  expect(numbers(['.xx', 'xx.'])).toBe('011110');
  expect(numbers(['x.x', 'xx.'])).toBe('102110');
});

test('how many each takes follows from images of one size alone', () => {
  expect(tokensPerImage([2, 3, 96, 96], [2, 144, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [288, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [99, 128])).toBeUndefined();
  expect(tokensPerImage([64, 1176], [16, 128])).toBeUndefined();
  expect(tokensPerImage(undefined, undefined)).toBeUndefined();
});
