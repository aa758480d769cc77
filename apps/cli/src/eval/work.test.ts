import { createPlan, methodOf, transpruneWith } from '@transprune/core';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addPlanOptions, choosePlan, type PlanOptions } from '../options/plan-options.js';
import { parseWork } from './work.js';

function planOf(...options: string[]) {
  const command = addPlanOptions(new Command().exitOverride()).parse(options, { from: 'user' });
  return choosePlan(command.opts<PlanOptions>(), 12).plan;
}

/** As a worker is given it. */
const sent = (plan: unknown) =>
  parseWork(JSON.parse(JSON.stringify({ maxNewTokens: 1, model: { name: null, plan } }))).model
    ?.plan;

test('workers have the method that the run was told, its weight and its seed', () => {
  const weighted = sent(planOf('--alpha', '.25', '--as-printed'));
  expect(methodOf(weighted!)).toBe(transpruneWith({ alpha: 0.25, normalized: false }));
  const plan = planOf('--method', 'random', '--seed', '3');
  expect(plan.seed).toBe(3);
  expect(sent(plan)).toEqual(plan);
});

test('a weight that is none is told by whoever looks for its method', () => {
  const plan = sent(createPlan({ method: 'transprune-alpha-2', stages: [] }));
  expect(() => methodOf(plan!)).toThrow(/with alpha from 0 to 1, .* got transprune-alpha-2$/);
});
