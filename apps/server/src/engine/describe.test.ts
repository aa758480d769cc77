/** What may be asked of a model that is pruned by a plan. */
import { type PrunePlan, presetPlan } from '@transprune/core';
import { openModel } from '@transprune/files/node';
import { modelDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { describeModel } from './describe.js';

const { plan } = presetPlan('transprune-high', 12);

test.each<[string, Partial<PrunePlan>, string[]]>([
  ['as the preset', {}, ['transprune-high', 'transprune-low', 'none']],
  ['with both parts', { transitionParts: 'both' }, ['transprune-high', 'transprune-low', 'none']],
  ['with one part', { transitionParts: 'magnitude' }, ['none']],
  ['with layers of each stage alone', { accumulation: 'per-stage' }, ['none']],
  ['with another direction', { direction: plan.direction === 'cos' ? '1-cos' : 'cos' }, ['none']],
])('presets that score as the plan does: %s', async (_, changed, expected) => {
  const files = await openModel({ folder: modelDirectory });
  const { presets } = await describeModel(files, { plan: { ...plan, ...changed } });
  expect(Object.keys(presets)).toEqual(expect.arrayContaining(expected));
  expect(Object.keys(presets)).toHaveLength(expected.length);
});
