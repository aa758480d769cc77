import { expect, test } from 'vitest';
import { timeLeft } from './time-left.js';

test('the rounds that are left take as long as those before', () => {
  expect(timeLeft('round', 0, 4, 1000, 1000)).toBe('round 1 of 4');
  expect(timeLeft('round', 1, 4, 1000, 3000)).toBe('round 2 of 4, 6 s left');
  expect(timeLeft('round', 2, 4, 0, 90_000)).toBe('round 3 of 4, 1 min 30 s left');
});
