import { createPlan, methodNames, methodOf, readsTransition } from '@transprune/core';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addPlanOptions, choosePlan, type PlanOptions } from '../options/plan-options.js';
import { planOptions } from './document.js';

const stages = [
  { afterLayer: 4, keepRatio: 0.5 },
  { afterLayer: 6, keepRatio: 0.25 },
];

function chosenBy(options: string) {
  const command = addPlanOptions(new Command().exitOverride());
  command.parse(options.split(' '), { from: 'user' });
  return choosePlan(command.opts<PlanOptions>(), 12).plan;
}

test.each(methodNames)('options of a plan of %s are that plan on the command line', (method) => {
  const plan = createPlan({ method, accumulateLayers: [2, 4, 5], stages });
  const chosen = chosenBy(planOptions({ plan }));
  expect(chosen.stages).toEqual(stages);
  expect(chosen.method).toBe(method);
  if (readsTransition(methodOf(plan))) expect(chosen).toEqual(plan);
});

test('also where each prune goes by its own layers', () => {
  const plan = createPlan({ stages, accumulateLayers: [4, 6], accumulation: 'per-stage' });
  expect(chosenBy(planOptions({ plan }))).toEqual(plan);
});
