import { expect, test } from 'vitest';
import { uniformNoise } from './noise.js';

test('the same seed gives the same numbers, another seed others', () => {
  expect(uniformNoise(1, 8)).toEqual(uniformNoise(1, 8));
  expect(uniformNoise(1, 8)).not.toEqual(uniformNoise(2, 8));
});

test('uniform in [0, 1)', () => {
  const noise = [...uniformNoise(7, 20_000)];
  expect(Math.min(...noise)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...noise)).toBeLessThan(1);
  for (let bin = 0; bin < 10; bin++) {
    const share = noise.filter((u) => Math.floor(u * 10) === bin).length / noise.length;
    expect(share).toBeGreaterThan(0.09);
    expect(share).toBeLessThan(0.11);
  }
});
