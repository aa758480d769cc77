import { createPlan } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { expect, test } from 'vitest';
import { smallConfig as config, randomEmbeddings } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { namedRandomWeights } from '../../builder/weights.js';
import { createEmitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { encodeModel, type OnnxModel } from '../../model/codec.js';
import { type PruneOptions, pruneModel } from '../prune.js';

const built = (headNorms: 'fused' | 'separate') =>
  buildDecoder(config, namedRandomWeights(3), { headNorms, architecture: { queryKeyNorm: true } });
const widths = [config.heads, config.kvHeads].map((n) => n * config.headDim);

/** Takes norms that are inside nodes out of them. */
function unfused(model: OnnxModel): OnnxModel {
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'unfused' });
  const { emit, int64 } = emitter;
  for (const node of graph.node) {
    const weights = node.opType === 'GroupQueryAttention' ? node.input.splice(14) : [];
    for (const [at, weight] of weights.entries()) {
      const apart = emit('Reshape', [node.input[at]!, int64([0, -1, config.headDim])]);
      const attributes = { axis: -1, epsilon: { float: config.rmsNormEpsilon } };
      const norm = emit('SimplifiedLayerNormalization', [apart, weight], { attributes });
      node.input[at] = emit('Reshape', [norm, int64([0, -1, widths[at]!])]);
    }
    emitter.nodes.push(node);
  }
  graph.node = emitter.nodes;
  graph.initializer.push(...emitter.initializers);
  return model;
}

const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 4, keepRatio: 0.25 },
];
const mask = [0, 0, ...new Array<number>(12).fill(1), 0, 0, 0];

test.each<['renumber' | 'keep', PruneOptions]>([
  ['renumber', {}],
  ['keep', {}],
  ['renumber', { batch: true }],
])('positions %s, %o', async (positions, options) => {
  const plan = createPlan({ accumulateLayers: [1, 2], stages, positions });
  const run = async (headNorms: 'fused' | 'separate') => {
    const { model } = pruneModel(built(headNorms), plan, { trace: true, ...options });
    const decoder = await openDecoder(encodeModel(unfused(model)), config);
    const prefill = await decoder.step(randomEmbeddings(config, mask.length, 7), mask);
    return [prefill, await decoder.step(randomEmbeddings(config, 1, 8), [0])] as const;
  };
  const [expected, found] = [await run('separate'), await run('fused')];
  for (const stage of [0, 1]) {
    const [kept, score] = [`pruning.kept.${stage}`, `pruning.score.${stage}`];
    expect(found[0].extra[kept]).toEqual(expected[0].extra[kept]);
    expect(maxDifference(found[0].extra[score]!, expected[0].extra[score]!)).toBeLessThan(1e-6);
  }
  for (const call of [0, 1] as const) {
    expect(maxDifference(found[call].logits, expected[call].logits)).toBeLessThan(1e-5);
  }
});
