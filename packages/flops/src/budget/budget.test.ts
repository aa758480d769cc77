import { createPlan, presetPlan } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { fullCost } from '../full/full.js';
import { modelPreset } from '../model/presets.js';
import { type Budget, leastFittedRatio, planForBudget, planWithinBudget } from './budget.js';

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
    ['tflops', { tflops: cost.plan.prefill.total / 1e12 }],
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
    const { plan, reached } = planForBudget(model, high, { speedup }, { ...options, keepFloor: 0 });
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
    /prunes after layers 7, 9, 12 can reach while each keeps at least 0\.0625 of the image tokens \(speedup from 1 to \d\.\d+\), got 40; prune earlier, or choose a milder budget$/,
  );
  expect(() => find({ averageImageTokens: 3 })).toThrow(
    /averageImageTokens from \d+(\.\d)? to 576\), got 3/,
  );
  expect(() => find({ keepAverage: 0.001 })).toThrow(/keepAverage from 0\.\d+ to 1\), got 0\.001/);
  expect(() => find({ tflops: -1 })).toThrow('tflops must be a number above 0, got -1');
  expect(() => find({ speedup: Number.NaN })).toThrow('speedup must be a number above 1, got NaN');
  expect(() => find({ keepAverage: 30 })).toThrow('from above 0 to 1, got 30');
  // As it is printed.
  for (const least of [{ tflops: 1e-3 }, { speedup: 40 }, { keepAverage: 1e-3 }]) {
    const [[name, value]] = Object.entries(least) as [[string, number]];
    const found = new RegExp(`\\(${name} from ([\\d.]+) to ([\\d.]+)\\), got ${value}`);
    const [, from, to] = found.exec(messageOf(() => find(least))) ?? [];
    expect(Number(from)).toBeLessThan(Number(to));
    const printed = name === 'speedup' ? to : from;
    expect(Number(printed)).toBeGreaterThan(0);
    expect(() => find({ [name]: Number(printed) } as unknown as Budget)).not.toThrow();
  }
  const none = createPlan({ stages: [] });
  expect(() => planForBudget(model, none, { speedup: 2 }, options)).toThrow(/a plan with a prune/);
});

describe('a budget that would leave next to nothing of the picture', () => {
  const within = (budget: Budget, keepFloor?: number, plan = high) =>
    planForBudget(model, plan, budget, { ...options, keepFloor });

  test('is refused, with what would be left and the option that allows it', () => {
    for (const budget of [{ tflops: 1.6 }, { speedup: 3 }, { keepAverage: 0.23 }] as const) {
      expect(() => find(budget)).toThrow(
        /each keeps at least 0\.0625 of the image tokens .*, which leaves 0\.0\d+ of them; prune earlier, choose a milder budget, or lower keepFloor$/,
      );
      expect(planWithinBudget(model, high, budget, options)).toBeUndefined();
      expect(ratios(within(budget, 0).plan).at(-1)).toBeLessThan(leastFittedRatio);
    }
  });

  test('keeps what a floor says, to the last digit', () => {
    for (const floor of [0.03125, 0.05, 0.0625, 0.1, 1 / 3]) {
      const message = messageOf(() => within({ speedup: 40 }, floor));
      const harshest = Number(/speedup from 1 to ([\d.]+)/.exec(message)?.[1]);
      const { plan } = within({ speedup: harshest }, floor);
      const last = ratios(plan).at(-1)!;
      expect(last).toBeGreaterThanOrEqual(floor);
      expect(last).toBeLessThan(floor * 1.02);
    }
  });

  test('a plan that keeps less by itself, or has a floor of its own, goes by that', () => {
    const harsh = {
      ...high,
      stages: high.stages.map((stage, at) => (at < 2 ? stage : { ...stage, keepRatio: 0.03 })),
    };
    const { speedupWithScoring } = fullCost(model, harsh, options);
    const { plan } = within({ speedup: speedupWithScoring }, undefined, harsh);
    expect(ratios(plan).at(-1)).toBeCloseTo(0.03, 2);
    expect(() => within({ speedup: 1.01 * speedupWithScoring }, undefined, harsh)).toThrow(
      /at least 0\.03 of/,
    );
    // What is asked for goes first.
    expect(() => within({ speedup: speedupWithScoring }, 0.0625, harsh)).toThrow(
      /at least 0\.0625 of/,
    );
    const mass = { ...high, keepMass: 0.9, keepFloor: 0.05 };
    expect(() => within({ speedup: 3 }, undefined, mass)).toThrow(/at least 0\.05 of/);
  });

  test.each([-0.1, 1.1, Number.NaN])('a floor of %s is none', (keepFloor) => {
    expect(() => within({ speedup: 2 }, keepFloor)).toThrow(
      `keepFloor must be a number from 0 to 1, got ${keepFloor}`,
    );
  });
});
