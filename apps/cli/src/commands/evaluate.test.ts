import { expect, test } from 'vitest';
import { transprune, transpruneJson } from '../../testing/program.js';

test('held-out questions: unpruned, every preset, and its random twin', async () => {
  const { scenes, priors, results } = await transpruneJson('evaluate', '--scenes', '3');
  expect(scenes).toBe(3);
  expect(Object.keys(results)).toEqual([
    'unpruned',
    'transprune-high',
    'random-high',
    'transprune-low',
    'random-low',
  ]);
  for (const { kinds, all } of Object.values<typeof results>(results)) {
    for (const [kind, share] of Object.entries(kinds)) {
      expect(priors).toHaveProperty(kind);
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
    expect(all).toBeGreaterThanOrEqual(0);
  }
  expect(results.unpruned.all).toBeGreaterThan(0.8);
  expect(results.unpruned.keptObjectPatches).toBe(1);
  // 18 of 144 patches are left; drawn at random, about as large a share of those asked for.
  expect(results['random-high'].keptObjectPatches).toBeLessThan(0.4);
  expect(results['transprune-high'].keptObjectPatches).toBeLessThan(1);
});

test('a number of scenes that is none', async () => {
  const { exitCode, stderr } = await transprune('evaluate', '--scenes', '0');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/scenes/);
});
