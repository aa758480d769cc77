import { createPlan, type PrunePlan } from '@transprune/core';
import { expect, test } from 'vitest';
import { planLabel } from './plan-label.js';

const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 3, keepRatio: 0.25 },
];

test('plans that drop different tokens have different labels', () => {
  const changes: Partial<PrunePlan>[] = [
    {},
    { accumulation: 'per-stage' },
    { accumulateLayers: [2] },
    { direction: 'cos' },
    { transitionParts: 'magnitude' },
    { positions: 'keep' },
    { perImage: true },
    { keepMass: 0.9 },
  ];
  const labels = changes.map((change) =>
    planLabel(createPlan({ accumulateLayers: [2, 3], stages, ...change })),
  );
  expect(labels[0]).toBe('transprune 2:0.5 3:0.25 of layers 2-3 1-cos both positions auto');
  expect(new Set(labels).size).toBe(labels.length);
});

test('what says how to make a transition tells nothing apart where none is looked at', () => {
  const plan = createPlan({ method: 'random', stages });
  expect(planLabel({ ...plan, accumulation: 'per-stage' })).toBe(planLabel(plan));
});
