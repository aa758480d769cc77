import { modelDirectory } from '@transprune/embedded-model';
import { expect, test } from 'vitest';
import { type Document, transprune, transpruneJson } from '../../testing/program.js';

test('held-out questions to another model: unpruned, every preset, and its random twin', async () => {
  const { stdout, stderr } = await transprune('evaluate', '--scenes', '1', '--json');
  expect(stderr).toContain('unpruned: 1 scene\n');
  const { scenes, priors, results } = JSON.parse(stdout) as Document;
  expect(scenes).toBe(1);
  expect(Object.keys(results)).toEqual([
    'unpruned',
    'transprune-high',
    'random-high',
    'transprune-low',
    'random-low',
  ]);
  for (const { kinds, all, keptObjectPatches } of Object.values<Document>(results)) {
    for (const [kind, share] of Object.entries(kinds)) {
      expect(priors).toHaveProperty(kind);
      expect(share).toBeGreaterThanOrEqual(0);
      expect(share).toBeLessThanOrEqual(1);
    }
    expect(all).toBeGreaterThanOrEqual(0);
    // Its image tokens are other patches than those that the scenes name.
    expect(keptObjectPatches).toBeNull();
  }
});

test('held-out questions to the model that they are of', async () => {
  const { results } = await transpruneJson(
    ...['evaluate', '--model', modelDirectory, '--scenes', '1', '--preset', 'transprune-high'],
    // What says nothing to its random twin.
    ...['--accumulation', 'per-stage'],
  );
  expect(results.unpruned.all).toBeGreaterThan(0.8);
  expect(results.unpruned.keptObjectPatches).toBe(1);
  // 72 of 576 patches are left; drawn at random, about as large a share of those asked for.
  expect(results['random-high'].keptObjectPatches).toBeLessThan(0.4);
  expect(results['transprune-high'].keptObjectPatches).toBeLessThan(1);
});

test('a number of scenes that is none', async () => {
  const { exitCode, stderr } = await transprune('evaluate', '--scenes', '0');
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/scenes/);
});
