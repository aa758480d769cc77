import { expect, test } from 'vitest';
import { change, layerRanges, runs, scaled } from './units.js';

test.each([
  [3.816e12, '3.82 T'],
  [1530, '1.53 k'],
  [12, '12'],
  [0, '0'],
])('%d is %s', (value, text) => {
  expect(scaled(value)).toBe(text);
});

test('changes have a sign', () => {
  expect(change(2, 1)).toBe('-50.0 %');
  expect(change(2, 3)).toBe('+50.0 %');
  expect(change(2, 2)).toBe('');
});

test('layers in short', () => {
  expect(runs([576, 576, 504, 72, 72])).toBe('576 x2, 504 x1, 72 x2');
  expect(layerRanges([3, 7, 8, 9])).toBe('3, 7-9');
});
