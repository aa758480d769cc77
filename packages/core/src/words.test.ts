import { expect, test } from 'vitest';
import { counted, didYouMean } from './words.js';

test('one of something is told from several', () => {
  expect([0, 1, 2].map((count) => counted(count, 'scene'))).toEqual([
    '0 scenes',
    '1 scene',
    '2 scenes',
  ]);
});

const choices = ['transprune-high', 'transprune-low', 'none', 'fastv', 'key-norm', 'v2drop'];

test.each([
  ['a letter left out', 'transprune-hgh', 'transprune-high'],
  ['a letter too many', 'fastvv', 'fastv'],
  ['another letter', 'tramsprune-low', 'transprune-low'],
  ['two letters in the wrong order', 'nnoe', 'none'],
  ['another case', 'FastV', 'fastv'],
  ['a letter that is another, of several that are near', 'transprune-lew', 'transprune-low'],
])('%s', (_, word, meant) => {
  expect(didYouMean(word, choices)).toBe(` (did you mean ${meant}?)`);
});

test.each(['', 'x', 'vzw', 'something else', 'fast', 'transprune'])(
  '%j: as much as is near',
  (word) => {
    const near = word === 'fast' ? ' (did you mean fastv?)' : '';
    expect(didYouMean(word, choices)).toBe(near);
  },
);

test('nothing is near where there is no choice', () => {
  expect(didYouMean('fastv', [])).toBe('');
});
