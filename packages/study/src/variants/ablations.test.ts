import { presetPlan, validatePlan } from '@transprune/core';
import { expect, test } from 'vitest';
import { ablationsOf } from './ablations.js';

test.each([12, 32])(
  'without accumulation each prune has the layer before it: %d layers',
  (layers) => {
    const { plan } = presetPlan('transprune-high', layers);
    const [whole, ...others] = ablationsOf(plan, layers);
    const without = others.find(({ name }) => name.startsWith('no accumulation'))?.plan;
    expect(without).toEqual({
      ...whole?.plan,
      accumulation: 'per-stage',
      accumulateLayers: plan.stages.map(({ afterLayer }) => afterLayer),
    });
    validatePlan(without!, layers);
  },
);
