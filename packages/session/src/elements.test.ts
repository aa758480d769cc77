import { expect, test } from 'vitest';
import { isElementType, tensorBytes } from './elements.js';

test('bytes are counted by element type', () => {
  const dims = [2, 3];
  const types = ['float32', 'float16', 'int64', 'int32', 'bool'] as const;
  expect(types.map((type) => tensorBytes({ type, dims }))).toEqual([24, 12, 48, 24, 6]);
  expect(tensorBytes({ type: 'float32', dims: [] })).toBe(4);
  expect(tensorBytes({ type: 'float32', dims: [1, 4, 0, 16] })).toBe(0);
});

test('names of other types, and of what every object has, are refused', () => {
  expect(['float32', 'uint8', 'toString'].map(isElementType)).toEqual([true, false, false]);
});
