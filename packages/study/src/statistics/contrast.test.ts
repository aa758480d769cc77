import { expect, test } from 'vitest';
import { contrast } from './contrast.js';

test('a contrast is paired by column: what moves both groups alike does not widen it', () => {
  const columns = Array.from({ length: 40 }, (_, at) => at / 40);
  const { own, others, difference } = contrast(
    [columns.map((level) => level + 0.3), columns.map((level) => level + 0.1)],
    [columns],
  );
  expect(own.value - others.value).toBeCloseTo(0.2, 12);
  expect(own.high - own.low).toBeGreaterThan(0.1);
  expect(difference.low).toBeCloseTo(0.2, 12);
  expect(difference.high).toBeCloseTo(0.2, 12);
});

test('groups that differ by chance alone are not told apart', () => {
  const signs = Array.from({ length: 40 }, (_, at) => (at % 2 === 0 ? 1 : -1));
  const { difference } = contrast([signs], [signs.map((sign) => -sign)]);
  expect(difference.low).toBeLessThan(0);
  expect(difference.high).toBeGreaterThan(0);
});
