import { expect, test } from 'vitest';
import { numberImages } from './spans.js';

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
