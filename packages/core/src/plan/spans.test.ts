import { expect, test } from 'vitest';
import { keptTokens, numberImages, tokensPerImage } from './spans.js';

/** `x` is an image token. */
const numbers = (text: string, perImage?: number) => {
  const ids = Array.from(text, (letter) => (letter === 'x' ? 4 : 7));
  return numberImages(ids, 4, perImage).join('');
};

test('images are numbered from 1 where text is between them', () => {
  expect(numbers('.xx.xxx..x')).toBe('0110222003');
  expect(numbers('....')).toBe('0000');
  expect(numbers('')).toBe('');
});

test('without text between them, by the tokens that each takes', () => {
  expect(numbers('.xxxx.')).toBe('011110');
  expect(numbers('.xxxx.xx', 2)).toBe('01122033');
});

test('how many tokens each image takes follows from images of one size alone', () => {
  expect(tokensPerImage([2, 3, 96, 96], [2, 144, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [288, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [99, 128])).toBeUndefined();
  expect(tokensPerImage([64, 1176], [16, 128])).toBeUndefined();
  expect(tokensPerImage(undefined, undefined)).toBeUndefined();
});

test('what was kept are positions and, among images, places; -1 is padding', () => {
  expect(keptTokens([-1n, 0n, 2n, 4n], [0, 1, 1, 0, 2])).toEqual({
    kept: [0, 2, 4],
    keptImageTokens: [1, 2],
  });
});
