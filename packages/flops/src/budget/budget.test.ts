import { createPlan, presetPlan } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { fullCost } from '../full/full.js';
import { modelPreset } from '../model/presets.js';
import { type Budget, planForBudget, planWithinBudget } from './budget.js';

const model = modelPreset('llava-1.5-7b');
const options = { imageTokens: 576, textTokens: 64 };
const { plan: high } = presetPlan('transprune-high', model.decoder.layers.length);
const find = (budget: Budget) => planForBudget(model, high, budget, options);
const ratios = ({ stages }: typeof high) => stages.map(({ keepRatio }) => keepRatio);

function messageOf(call: () => unknown): string {
  try {
    return `${call()}`;
  } catch (error) {
    return `${error}`;
  }
}

describe('a budget that is what a plan comes to gives that plan', () => {
  const cost = fullCost(model, high, options);
  const layers = cost.plan.imageTokensPerLayer;
  const average = layers.reduce((sum, count) => sum + count, 0) / layers.length;
  test.each<[string, Budget]>([
    ['tflops', { tflops: (2 * cost.plan.prefill.total) / 1e12 }],
    ['speedup', { speedup: cost.speedupWithScoring }],
    ['keepAverage', { keepAverage: average / 576 }],
    ['averageImageTokens', { averageImageTokens: average }],
  ])('%s', (_, budget) => {
    const { plan, reached } = find(budget);
    expect(reached).toBeCloseTo(Object.values(budget)[0]!, 6);
    // Counts are rounded down, so that ratios a little higher keep as many.
    for (const [at, ratio] of ratios(plan).entries()) {
      expect(Math.floor(ratio * 576)).toBe(Math.floor(ratios(high)[at]! * 576));
    }
  });
});

test('less money, fewer tokens, never over the budget', () => {
  let before = 1;
  for (const speedup of [1.2, 1.5, 2, 2.5, 3]) {
    const { plan, reached } = find({ speedup });
    expect(reached).toBeGreaterThanOrEqual(speedup);
    expect(reached).toBeLessThan(speedup * 1.02);
    expect(ratios(plan).at(-1)).toBeLessThan(before);
    expect(plan.stages.map(({ afterLayer }) => afterLayer)).toEqual([7, 9, 12]);
    before = ratios(plan).at(-1)!;
  }
});

test('whoever tries budgets is told that prunes come too late for one, not refused', () => {
  const late = { ...high, stages: [{ afterLayer: 30, keepRatio: 0.5 }], accumulateLayers: [30] };
  const within = (budget: Budget) => planWithinBudget(model, late, budget, options);
  expect(within({ speedup: 2 })).toBeUndefined();
  expect(within({ keepAverage: 0.5 })).toBeUndefined();
  expect(within({ keepAverage: 0.95 })).toEqual(
    planForBudget(model, late, { keepAverage: 0.95 }, options),
  );
  // What is no budget is refused all the same.
  expect(() => within({ speedup: 1 })).toThrow('speedup must be a number above 1, got 1');
  const none = createPlan({ stages: [] });
  expect(() => planWithinBudget(model, none, { speedup: 2 }, options)).toThrow(/with a prune/);
});

test('a budget that needs no pruning keeps everything', () => {
  expect(ratios(find({ keepAverage: 1 }).plan)).toEqual([1, 1, 1]);
});

test('what cannot be reached, and what is none, is refused with what can', () => {
  expect(() => find({ speedup: 40 })).toThrow(
    /prunes after layers 7, 9, 12 can reach \(speedup from \d\.\d+ to \d\.\d+\), got 40; prune earlier/,
  );
  expect(() => find({ averageImageTokens: 3 })).toThrow(/averageImageTokens from 576\.0 to/);
  expect(() => find({ tflops: -1 })).toThrow('tflops must be a number above 0, got -1');
  expect(() => find({ speedup: Number.NaN })).toThrow('speedup must be a number above 1, got NaN');
  expect(() => find({ keepAverage: 30 })).toThrow('from above 0 to 1, got 30');
  // As it is printed.
  for (const least of [{ tflops: 1e-3 }, { speedup: 40 }, { keepAverage: 1e-3 }]) {
    const [[name, value]] = Object.entries(least) as [[string, number]];
    const found = new RegExp(`\\(${name} from \\S+ to ([\\d.]+)\\), got ${value}`);
    const [, printed] = found.exec(messageOf(() => find(least))) ?? [];
    expect(Number(printed)).toBeGreaterThan(0);
    expect(() => find({ [name]: Number(printed) } as unknown as Budget)).not.toThrow();
  }
  const none = createPlan({ stages: [] });
  expect(() => planForBudget(model, none, { speedup: 2 }, options)).toThrow(/a plan with a prune/);
});
