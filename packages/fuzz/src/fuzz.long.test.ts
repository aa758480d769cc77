import { expect, test } from 'vitest';
import { runSeeds, type Search, type SeedOutcome } from './pool.js';
import { Tally } from './tally.js';

test.each<[Search, number]>([
  ['answers', 200],
  ['kept', 160],
])('%s, %i seeds: no wrong model, no error, no hang', async (search, count) => {
  const outcomes: SeedOutcome[] = [];
  const seeds = Array.from({ length: count }, (_, seed) => seed);
  await runSeeds(seeds, { jobs: 2, search, onOutcome: (outcome) => outcomes.push(outcome) });
  expect(outcomes.map(({ seed }) => seed).sort((a, b) => a - b)).toEqual(seeds);
  expect(outcomes.filter(Tally.isFault).map(Tally.describe)).toEqual([]);
  // Seeds that find nothing to hold against anything would pass too.
  const tally = new Tally();
  for (const outcome of outcomes) tally.add(outcome);
  expect(tally.count('right')).toBeGreaterThan(30);
  expect(tally.count('no oracle')).toBeLessThan(10);
  if (search === 'kept') expect(tally.count('no model')).toBeLessThan(5);
});
