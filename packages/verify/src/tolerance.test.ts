import { expect, test } from 'vitest';
import { isComparable, tolerancesFor } from './tolerance.js';

test('what the original is off allows for more, up to a cap', () => {
  expect(tolerancesFor('float32', 0)).toMatchObject({ logits: 1e-3, otherCalls: 1e-3 });
  expect(tolerancesFor('float32', 1e-3).otherCalls).toBeCloseTo(4e-3);
  expect(tolerancesFor('float32', 0.61).otherCalls).toBe(5e-2);
  expect(tolerancesFor('int8', 0.61).otherCalls).toBeLessThan(0.41);
  expect(isComparable('float32', 1e-3)).toBe(true);
  expect(isComparable('float32', 0.61)).toBe(false);
});
