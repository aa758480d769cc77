import { expect, test } from 'vitest';
import { tokensPerImage } from './embed.js';

test('how many tokens each image takes follows from images of one size alone', () => {
  expect(tokensPerImage([2, 3, 96, 96], [2, 144, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [288, 128])).toBe(144);
  expect(tokensPerImage([2, 3, 96, 96], [99, 128])).toBeUndefined();
  expect(tokensPerImage([64, 1176], [16, 128])).toBeUndefined();
  expect(tokensPerImage(undefined, undefined)).toBeUndefined();
});
