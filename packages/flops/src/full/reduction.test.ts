import { createPlan, presetPlan, type Reduction, reductionNames } from '@transprune/core';
import { describe, expect, it } from 'vitest';
import { planForBudget } from '../budget/budget.js';
import { modelPreset } from '../model/presets.js';
import { fullCost } from './full.js';

const model = modelPreset('llava-1.5-7b');
const none = createPlan({ stages: [] });
const tokens = { imageTokens: 576, textTokens: 64 };
const costOf = (reduction: Reduction, plan = none) =>
  fullCost(model, plan, { ...tokens, reduction });

describe('a reduction before the decoder', () => {
  it.each(reductionNames)('%s: every layer sees so many tokens, the encoder all', (method) => {
    const { plan, baseline } = costOf({ method, tokens: 64 });
    expect(new Set(plan.imageTokensPerLayer)).toEqual(new Set([64]));
    expect(new Set(baseline.imageTokensPerLayer)).toEqual(new Set([576]));
    expect(plan.prefill.vision).toBe(baseline.prefill.vision);
    const alone = fullCost(model, none, { ...tokens, imageTokens: 64 }).plan;
    expect(plan.prefill.decoder).toEqual(alone.prefill.decoder);
    expect(plan.kvCacheBytes).toEqual(alone.kvCacheBytes);
  });

  it('costs what its formula does', () => {
    // 576 lengths of 4,096 numbers, the division, the cosines and one minus each.
    const elementwise = 576 * (2 * 4096 + 1 + 1) + 576 * 4096 + 576 ** 2;
    const expected = 576 ** 2 * 4096 + elementwise / 2;
    const { plan, baseline, flopsBoundSpeedup, speedupWithScoring } = costOf({
      method: 'div-prune',
      tokens: 64,
    });
    expect(plan.prefill.reduction).toBe(expected);
    expect(baseline.prefill).not.toHaveProperty('reduction');
    expect(speedupWithScoring).toBeLessThan(flopsBoundSpeedup);
    expect(costOf({ method: 'downsample', tokens: 64 }).plan.prefill.reduction).toBe(0);
    // 577 tokens with the class token, 16 heads of 64: cosines of all keys are nearly all of it.
    const zip = costOf({ method: 'vision-zip', tokens: 64 }).plan.prefill.reduction ?? 0;
    expect(zip).toBeGreaterThan(577 ** 2 * 64);
    expect(zip).toBeLessThan(577 ** 2 * (64 + 16));
  });

  it('leaves a picture of no more tokens as it is', () => {
    const { plan, baseline } = costOf({ method: 'vision-zip', tokens: 576 });
    expect(plan.prefill.total).toBe(baseline.prefill.total);
  });

  it('goes before the prunes of a plan, which keep shares of what it leaves', () => {
    const { plan } = presetPlan('transprune-high', 32);
    const { imageTokensPerLayer } = costOf({ method: 'vision-zip', tokens: 192 }, plan).plan;
    expect([...new Set(imageTokensPerLayer)]).toEqual([192, 168, 120, 24]);
  });

  it('counts in a budget', () => {
    const { plan } = presetPlan('transprune-high', 32);
    const reduction = { method: 'random', tokens: 288 } as const;
    const fitted = planForBudget(model, plan, { keepAverage: 0.25 }, { ...tokens, reduction });
    expect(fitted.reached).toBeLessThanOrEqual(0.25);
    expect(fitted.reached).toBeGreaterThan(0.24);
    const { imageTokensPerLayer } = costOf(reduction, fitted.plan).plan;
    const average = imageTokensPerLayer.reduce((sum, count) => sum + count, 0) / 32;
    expect(average / 576).toBeCloseTo(fitted.reached, 10);
  });
});
