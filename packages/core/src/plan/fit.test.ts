import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TransPruneError } from '../errors.js';
import { fitToAttentionLayers } from './fit.js';
import { createPlan, validatePlan } from './plan.js';
import { presetPlan } from './presets.js';

/** Qwen3.5: every fourth layer attends. */
const everyFourth = (layers: number) =>
  Array.from({ length: Math.floor(layers / 4) }, (_, i) => 4 * (i + 1));
const depths = (plan: { stages: readonly { afterLayer: number }[] }) =>
  plan.stages.map(({ afterLayer }) => afterLayer);

describe('fitToAttentionLayers', () => {
  test("the presets on Qwen3.5's 24 layers", () => {
    const { plan } = presetPlan('transprune-high', 24);
    expect(depths(plan)).toEqual([5, 7, 9]);
    const fitted = fitToAttentionLayers(plan, everyFourth(24));
    expect(depths(fitted.plan)).toEqual([3, 7, 11]);
    expect(fitted.moved).toEqual([
      { from: 5, to: 3 },
      { from: 9, to: 11 },
    ]);
    expect(fitted.plan.accumulateLayers).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(fitted.plan.stages.map((stage) => stage.keepRatio)).toEqual([0.875, 0.625, 0.125]);
    validatePlan(fitted.plan, 24);
  });

  test('a plan that fits stays the same object', () => {
    const { plan } = presetPlan('transprune-low', 32);
    const all = Array.from({ length: 32 }, (_, i) => i + 1);
    expect(fitToAttentionLayers(plan, all)).toEqual({ plan, moved: [] });
    expect(fitToAttentionLayers(plan, all).plan).toBe(plan);
  });

  test('of two equally near depths the deeper', () => {
    const plan = createPlan({
      accumulateLayers: [5],
      stages: [{ afterLayer: 5, keepRatio: 0.5 }],
    });
    expect(fitToAttentionLayers(plan, [4, 8]).moved).toEqual([{ from: 5, to: 7 }]);
    expect(fitToAttentionLayers(plan, [4, 9]).moved).toEqual([{ from: 5, to: 3 }]);
  });

  test('accumulated layers that are no run stay, and one joins if it must', () => {
    const stages = [{ afterLayer: 5, keepRatio: 0.5 }];
    const plan = createPlan({ accumulateLayers: [4, 5], stages });
    expect(fitToAttentionLayers(plan, [8]).plan.accumulateLayers).toEqual([4, 5]);
    expect(fitToAttentionLayers(plan, [4]).plan.accumulateLayers).toEqual([3, 4, 5]);
  });

  test.each<[string, number[], number[]]>([
    ['the layer before each prune', [5, 6, 8], [3, 7, 11]],
    ['all from the first prune to the last', [5, 6, 7, 8], [3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['others that do', [2, 6, 8], [2, 6, 8]],
    ['others that leave prunes without', [5, 6, 7], [3, 5, 6, 7, 11]],
  ])('where each stage has layers of its own it has some still: %s', (_, before, after) => {
    const plan = createPlan({
      accumulation: 'per-stage',
      accumulateLayers: before,
      stages: [5, 6, 8].map((afterLayer) => ({ afterLayer, keepRatio: 0.5 })),
    });
    const fitted = fitToAttentionLayers(plan, everyFourth(12));
    expect(depths(fitted.plan)).toEqual([3, 7, 11]);
    expect(fitted.plan.accumulateLayers).toEqual(after);
    validatePlan(fitted.plan, 24);
  });

  test('a method that reads no attention stays where it is', () => {
    const plan = createPlan({ method: 'random', stages: [{ afterLayer: 5, keepRatio: 0.5 }] });
    expect(fitToAttentionLayers(plan, [4])).toEqual({ plan, moved: [] });
  });

  test('prunes share a depth where there are too few, as few as possible', () => {
    const { plan } = presetPlan('transprune-high', 8);
    expect(depths(plan)).toEqual([2, 3, 4]);
    const fitted = fitToAttentionLayers(plan, everyFourth(8));
    expect(fitted.plan.stages).toEqual([
      { afterLayer: 3, keepRatio: 0.625 },
      { afterLayer: 7, keepRatio: 0.125 },
    ]);
    expect(fitted.moved).toEqual([
      { from: 2, to: 3 },
      { from: 4, to: 7 },
    ]);
    expect(fitted.plan.accumulateLayers).toEqual([3, 4, 5, 6, 7]);
    const one = fitToAttentionLayers(plan, [1, 4]).plan.stages;
    expect(one).toEqual([{ afterLayer: 3, keepRatio: 0.125 }]);
  });

  test('layer 1 is after no prune', () => {
    const { plan } = presetPlan('transprune-high', 32);
    expect(() => fitToAttentionLayers(plan, [1])).toThrow(/attention to be read at a prune/);
    expect(() => fitToAttentionLayers(plan, [])).toThrow(TransPruneError);
  });

  test('every prune is before an attention layer, in order, and no prune moves for nothing', () => {
    const layers = 40;
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 1, max: layers - 1 }), { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(fc.integer({ min: 2, max: layers }), { minLength: 1, maxLength: 12 }),
        (prunes, attention) => {
          const rising = [...prunes].sort((a, b) => a - b);
          const plan = createPlan({
            accumulateLayers: [1],
            stages: rising.map((afterLayer) => ({ afterLayer, keepRatio: 0.5 })),
          });
          const fitted = fitToAttentionLayers(plan, attention);
          validatePlan(fitted.plan, layers);
          for (const depth of depths(fitted.plan)) expect(attention).toContain(depth + 1);
          expect(fitted.plan.stages).toHaveLength(Math.min(rising.length, attention.length));
          const fits = rising.every((depth) => attention.includes(depth + 1));
          expect(fitted.moved.length === 0).toBe(fits);
          if (rising.length === 1) {
            const nearest = Math.min(...attention.map((l) => Math.abs(l - 1 - rising[0]!)));
            expect(Math.abs(depths(fitted.plan)[0]! - rising[0]!)).toBe(nearest);
          }
          expect(fitToAttentionLayers(fitted.plan, attention).moved).toEqual([]);
        },
      ),
    );
  });
});
