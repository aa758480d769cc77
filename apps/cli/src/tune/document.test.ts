import { createPlan, methodNames, methodOf, readsTransition } from '@transprune/core';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addPlanOptions, choosePlan, type PlanOptions } from '../options/plan-options.js';
import { planOptions } from './document.js';

test.each(methodNames)('options of a plan of %s are that plan on the command line', (method) => {
  const stages = [
    { afterLayer: 4, keepRatio: 0.5 },
    { afterLayer: 6, keepRatio: 0.25 },
  ];
  const plan = createPlan({ method, accumulateLayers: [2, 4, 5], stages });
  const command = addPlanOptions(new Command().exitOverride());
  command.parse(planOptions(plan).split(' '), { from: 'user' });
  const chosen = choosePlan(command.opts<PlanOptions>(), 12);
  expect(chosen.plan.stages).toEqual(stages);
  expect(chosen.plan.method).toBe(method);
  if (readsTransition(methodOf(plan))) expect(chosen.plan).toEqual(plan);
});
