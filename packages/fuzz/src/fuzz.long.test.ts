import { expect, test } from 'vitest';
import { runSeeds, type SeedOutcome } from './pool.js';
import { Tally } from './tally.js';

test('200 seeds: no wrong model, no error, no hang', async () => {
  const outcomes: SeedOutcome[] = [];
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  await runSeeds(seeds, { jobs: 2, onOutcome: (outcome) => outcomes.push(outcome) });
  expect(outcomes.map(({ seed }) => seed).sort((a, b) => a - b)).toEqual(seeds);
  expect(outcomes.filter(Tally.isFault).map(Tally.describe)).toEqual([]);
  // Seeds that find nothing to hold against anything would pass too.
  const tally = new Tally();
  for (const outcome of outcomes) tally.add(outcome);
  expect(tally.count('right')).toBeGreaterThan(30);
  expect(tally.count('no oracle')).toBeLessThan(10);
});
