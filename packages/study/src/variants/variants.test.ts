import { createPlan, presetPlan, transpruneWith } from '@transprune/core';
import { modelPreset } from '@transprune/flops';
import { describe, expect, test } from 'vitest';
import { ablationsOf } from './ablations.js';
import { costShare, costShareOfKept, fitPlan, fitReduction, unpruned } from './costs.js';
import { mainMethods, methodsAt, settingsOf } from './methods.js';
import { schedulesAt } from './schedules.js';
import { keyOf, masksOf } from './variant.js';

const model = modelPreset('llava-1.5-7b');
const costing = { model, imageTokens: 576, textTokens: 32 };
const settings = settingsOf(costing);

test('settings are the presets and a harsher one, each cheaper than the one before', () => {
  expect(settings.map(({ name }) => name)).toEqual(['High', 'Low', 'Harsh']);
  expect(settings[0]?.plan).toEqual(presetPlan('transprune-high', 32).plan);
  const costs = settings.map(({ cost }) => cost);
  expect(costs.toSorted((a, b) => b - a)).toEqual(costs);
  expect(costs[0]).toBeLessThan(0.6);
});

describe.each(settings)('$name', (setting) => {
  const methods = methodsAt(costing, { imageSize: 336, masks: 3 }, setting);

  test('no method costs more, and none is far below', () => {
    for (const variant of methods) {
      const cost = costShare(costing, variant);
      expect(cost).toBeLessThanOrEqual(setting.cost);
      // A coarser grid has fewer tokens than it may have.
      expect(cost).toBeGreaterThan(0.85 * setting.cost);
    }
  });

  test('has TransPrune first, and every baseline', () => {
    const names = methods.map(({ name }) => name);
    expect(names[0]).toBe(`transprune, ${setting.name}`);
    for (const method of mainMethods) expect(names).toContain(`${method}, ${setting.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('what chooses by chance is asked with several seeds, each with answers of its own', () => {
    const byChance = methods.filter(({ seeds }) => seeds).map(({ family }) => family);
    expect(byChance).toEqual(['random', 'random before the decoder']);
    for (const variant of methods) {
      const masks = masksOf(variant);
      expect(masks.length).toBe(variant.seeds ? 3 : 1);
      expect(new Set(masks.map((mask) => keyOf(mask, ''))).size).toBe(masks.length);
    }
  });

  test('V2Drop prunes where its paper does', () => {
    const v2drop = methods.find(({ family }) => family === 'v2drop');
    expect(v2drop?.plan.stages.map(({ afterLayer }) => afterLayer)).toEqual([3, 17, 22]);
  });
});

test('schedules cost what TransPrune costs, from early to as late as that can be', () => {
  const [high] = settings;
  if (!high) throw new Error('expected a setting');
  const [own, ...others] = schedulesAt(costing, high.plan, high.cost);
  expect(own?.plan).toEqual(high.plan);
  for (const variant of others) {
    const cost = costShare(costing, variant);
    expect(cost).toBeLessThanOrEqual(high.cost);
    expect(cost).toBeGreaterThan(0.97 * high.cost);
  }
  const singles = others.map(({ plan }) => plan.stages).filter(({ length }) => length === 1);
  const afterLayers = singles.map(([stage]) => stage?.afterLayer ?? 0);
  expect(afterLayers).toEqual(afterLayers.map((_, at) => at + 1));
  // Later for the same cost is fewer.
  const kept = singles.map(([stage]) => stage?.keepRatio ?? 0);
  expect(kept.toSorted((a, b) => b - a)).toEqual(kept);
});

test('what prunes too late to be so cheap is left out', () => {
  const late = createPlan({ method: 'random', stages: [{ afterLayer: 30, keepRatio: 0.5 }] });
  expect(fitPlan(costing, late, 0.5)).toBeUndefined();
  expect(fitPlan(costing, late, 0.97)).toBeDefined();
  expect(fitReduction(costing, 'downsample', 0.001)).toBeUndefined();
});

test('ablations differ from High and from each other; shifts that a decoder is too shallow for are left out', () => {
  const { plan } = presetPlan('transprune-high', 32);
  const variants = ablationsOf(plan, 32);
  const keys = variants.map((variant) => keyOf(variant, ''));
  expect(new Set(keys).size).toBe(variants.length);
  const names = variants.map(({ name }) => name);
  expect(names).toContain('prunes 2 earlier');
  const shallow = ablationsOf(presetPlan('transprune-high', 6).plan, 6).map(({ name }) => name);
  expect(shallow[0]).toBe('TransPrune-High');
  expect(shallow).not.toContain('prunes 2 earlier');
});

test('what was kept decides what a keep mass costs', () => {
  const { plan } = presetPlan('transprune-high', 32);
  const byMass = { ...plan, keepMass: 0.5, keepFloor: 0.0625 };
  const most = plan.stages.map(({ keepRatio }) => Math.floor(keepRatio * 576));
  const all = costShare(costing, { plan });
  expect(costShareOfKept(costing, byMass, [most])).toBeCloseTo(all, 12);
  const fewer = most.map((count) => Math.floor(count / 2));
  const half = costShareOfKept(costing, byMass, [fewer]);
  expect(half).toBeLessThan(all);
  expect(costShareOfKept(costing, byMass, [most, fewer])).toBeCloseTo((all + half) / 2, 12);
});

test('two that answer differently have different files of answers', () => {
  const high = { name: 'a', plan: presetPlan('transprune-high', 32).plan };
  const others = [
    { ...high, plan: unpruned },
    { ...high, plan: { ...high.plan, seed: 1 } },
    { ...high, plan: { ...high.plan, method: transpruneWith({ alpha: 0.4 }) } },
    { ...high, reduction: { method: 'random', tokens: 9 } as const },
    { ...high, shown: 'blank' as const },
    { ...high, shown: { side: 24 } },
  ];
  const keys = [high, ...others].map((variant) => keyOf(variant, 'model'));
  expect(new Set(keys).size).toBe(keys.length);
  expect(keyOf({ ...high, name: 'b' }, 'model')).toBe(keys[0]);
  expect(keyOf(high, 'another model')).not.toBe(keys[0]);
});
