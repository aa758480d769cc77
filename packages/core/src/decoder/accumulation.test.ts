/** Which layers' transition a prune scores by, on a decoder whose transitions are plain numbers. */
import { expect, test } from 'vitest';
import { ndarray } from '../algebra/ndarray.js';
import { createPlan, type PrunePlan } from '../plan/plan.js';
import { runReference } from './reference.js';
import type { Checkpoint } from './safetensors.js';

const config = {
  ...{ layers: 5, hiddenSize: 1, heads: 1, kvHeads: 1, headDim: 2, intermediateSize: 1 },
  ...{ vocabularySize: 1, rmsNormEpsilon: 0, ropeTheta: 1, maxPositions: 8, tiedEmbeddings: true },
};

/**
 * The stream is one positive number, so that its norm is 1. Attention writes the layer's value whatever it looks at,
 * the FFN nothing: the magnitude of layers 1 to 5 is 1, 2, 4, 8, 16 at every token.
 */
const weights: Checkpoint = {
  names: [],
  tensor(name) {
    const layer = Number(/layers\.(\d+)/.exec(name)?.[1] ?? 0);
    if (name.includes('v_proj')) return ndarray([2 ** layer, 0], [2, 1]);
    if (name.includes('o_proj')) return ndarray([1, 0], [1, 2]);
    if (/q_proj|k_proj/.test(name)) return ndarray([0, 0], [2, 1]);
    return ndarray([/mlp/.test(name) ? 0 : 1], /norm/.test(name) ? [1] : [1, 1]);
  },
};

/** The transition that each prune scores by. */
function scored(prunes: readonly number[], fields: Partial<PrunePlan>): number[] {
  const stages = prunes.map((afterLayer, at) => ({ afterLayer, keepRatio: 0.5 / (at + 1) }));
  const plan = createPlan({
    method: 'transition',
    transitionParts: 'magnitude',
    stages,
    ...fields,
  });
  const inputsEmbeds = ndarray([1, 2, 3, 4, 5], [1, 5, 1]);
  const run = runReference(config, weights, { inputsEmbeds, imageMask: [1, 1, 1, 1, 0], plan });
  return run.stages.map(({ signals }) => {
    const [one, ...others] = signals.transition ?? [];
    expect(others.every((other) => other === one)).toBe(true);
    return Math.round(1e6 * (one ?? Number.NaN)) / 1e6;
  });
}

test.each<[string, number[], number[], number[], number[]]>([
  ['adjacent prunes, all layers', [2, 3, 4], [1, 2, 3, 4], [3, 7, 15], [3, 4, 8]],
  ['adjacent prunes, the layer before each', [2, 3, 4], [2, 3, 4], [2, 6, 14], [2, 4, 8]],
  ['distant prunes, all layers', [1, 4], [1, 2, 3, 4], [1, 15], [1, 14]],
  ['distant prunes, the layer before each', [1, 4], [1, 4], [1, 9], [1, 8]],
  ['layers after the last prune', [1, 3], [1, 3, 4, 5], [1, 5], [1, 4]],
])('%s', (_, prunes, accumulateLayers, cumulative, perStage) => {
  expect(scored(prunes, { accumulateLayers })).toEqual(cumulative);
  expect(scored(prunes, { accumulateLayers, accumulation: 'cumulative' })).toEqual(cumulative);
  expect(scored(prunes, { accumulateLayers, accumulation: 'per-stage' })).toEqual(perStage);
});
