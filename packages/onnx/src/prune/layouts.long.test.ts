/** Quirks of architectures, in every layout that the builder writes them in: all must prune alike. */
import { clone } from '@bufbuild/protobuf';
import { createPlan, positionModes } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { type DecoderStep, openDecoder } from '@transprune/testing';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { randomEmbeddings, smallConfig } from '../../testing/random-decoder.js';
import { type Architecture, type BuildOptions, buildDecoder } from '../builder/decoder.js';
import { namedRandomWeights } from '../builder/weights.js';
import { createEmitter } from '../graph/emitter.js';
import { emitSizes } from '../graph/sizes.js';
import { tensorInfo } from '../graph/value-info.js';
import { encodeModel, type OnnxModel } from '../model/codec.js';
import { ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import { pruneModel } from './prune.js';

const config = { ...smallConfig, kvHeads: smallConfig.heads };
const weights = namedRandomWeights(3);
const prompt = randomEmbeddings(config, 40, 1);
const mask = Array.from({ length: 40 }, (_, i) => (i >= 5 && i < 29 ? 1 : 0));
const steps = [2, 3].map((seed) => randomEmbeddings(config, 1, seed));
const stages = [
  { afterLayer: 2, keepRatio: 0.75 },
  { afterLayer: 4, keepRatio: 0.25 },
];
const plan = createPlan({ accumulateLayers: [1, 2, 3, 4], stages });
const keepAll = { ...plan, stages: stages.map((stage) => ({ ...stage, keepRatio: 1 })) };

const architectures: Record<string, Architecture> = {
  llama: {},
  qwen2: { biases: true },
  qwen3: { queryKeyNorm: true },
  'gemma 2': {
    moduleNorms: true,
    softcap: 5,
    logitSoftcap: 8,
    embeddingScale: 2,
    localWindow: 12,
    localLayers: 'alternate',
  },
  'mistral with a window': { localWindow: 12, localLayers: 'all' },
};
const layouts: Record<string, BuildOptions> = {
  packed: { projections: 'packed' },
  split: { projections: 'split', norms: 'separate' },
  'rotary apart': { rotary: 'separate' },
  'multi-head': { attention: 'multi-head', norms: 'separate' },
};
/** MultiHeadAttention has neither a soft cap nor a window. */
const fits = ({ softcap, localWindow }: Architecture, { attention }: BuildOptions) =>
  attention !== 'multi-head' || (softcap === undefined && localWindow === undefined);

async function run(model: OnnxModel): Promise<DecoderStep[]> {
  const decoder = await openDecoder(encodeModel(model), config);
  const results = [await decoder.step(prompt, mask)];
  for (const step of steps) results.push(await decoder.step(step));
  return results;
}

function expectAlike(
  actual: readonly DecoderStep[],
  expected: readonly DecoderStep[],
  most: number,
) {
  actual.forEach(({ logits, cacheLengths }, i) => {
    expect(maxDifference(logits, expected[i]!.logits)).toBeLessThan(most);
    expect(cacheLengths).toEqual(expected[i]!.cacheLengths);
  });
}

describe.each(Object.entries(architectures))('%s', (_, architecture) => {
  const kinds = Object.entries(layouts).filter(([, layout]) => fits(architecture, layout));
  const build = (options: BuildOptions) =>
    buildDecoder(config, weights, { ...options, architecture });

  test.each(kinds)('%s: keep ratio 1 is the original', async (_, layout) => {
    const model = build(layout);
    expectAlike(await run(pruneModel(model, keepAll).model), await run(model), 1e-4);
  });

  test.each(positionModes)('layouts prune alike, positions %s', async (positions) => {
    const [first, ...others] = kinds.map(([, layout]) => build(layout));
    const pruned = (model: OnnxModel) =>
      pruneModel(model, { ...plan, positions }, { trace: true }).model;
    if (positions === 'keep' && architecture.localWindow !== undefined) {
      for (const model of [first!, ...others]) {
        expect(() => pruned(model)).toThrow(/a window of 12 tokens/);
      }
      return;
    }
    const expected = await run(pruned(first!));
    for (const other of others) {
      const actual = await run(pruned(other));
      expect(actual[0]!.extra['pruning.kept.1']).toEqual(expected[0]!.extra['pruning.kept.1']);
      expectAlike(actual, expected, 2e-4);
    }
  });

  test.each([
    ['float16', 0.1],
    ['int4', 1e-3],
    ['int4-float16', 0.1],
  ] as const)(
    '%s: keep ratio 1 is the original, and tokens are dropped',
    async (precision, most) => {
      for (const [, layout] of kinds) {
        const model = build({ ...layout, precision });
        expectAlike(await run(pruneModel(model, keepAll).model), await run(model), most);
        const [prefill] = await run(pruneModel(model, plan).model);
        expect(prefill?.cacheLengths).toEqual([40, 40, 34, 34, 22, 22]);
      }
    },
  );
});

test('a state beside attention in one layer is refused', () => {
  const model = buildDecoder(config, weights, { extraCaches: 2 });
  expect(() => pruneModel(model, plan)).toThrow(/^layer 1: expected one mixer in each layer/);
});

test('only the wanted logits are made', async () => {
  const model = buildDecoder(config, weights, { numLogitsToKeep: true });
  const pruned = pruneModel(model, plan).model;
  const decoder = await openDecoder(encodeModel(pruned), config);
  const all = await openDecoder(
    encodeModel(pruneModel(buildDecoder(config, weights), plan).model),
    config,
  );
  const extra = { num_logits_to_keep: new Tensor('int64', BigInt64Array.of(3n), []) };
  const step = await decoder.step(prompt, mask, { extra });
  const whole = await all.step(prompt, mask);
  expect(step.logitsShape).toEqual([1, 3, config.vocabularySize]);
  const last = whole.logits.slice(-3 * config.vocabularySize);
  expect(maxDifference(step.logits, last)).toBeLessThan(1e-5);
  const names = pruned.graph!.output.map(({ name }) => name);
  expect(names).toEqual(model.graph!.output.map(({ name }) => name));
});

test('a bias that a graph computes for GroupQueryAttention is computed again after a prune', async () => {
  const plain = buildDecoder(config, weights);
  const model = clone(ModelProtoSchema, plain);
  const graph = model.graph!;
  // The third slot of the cache is hidden, [1, 1, tokens, past + tokens]: sizes and mask make it.
  const emitter = createEmitter(
    graph.initializer.map(({ name }) => name),
    21,
    { prefix: 'bias' },
  );
  const slots = emitter.emit('CumSum', ['attention_mask', emitter.int64([1], [])]);
  const hidden = emitter.emit('Where', [
    emitter.emit('Equal', [slots, emitter.int64([3], [])]),
    emitter.float(-1e4),
    emitter.float(0),
  ]);
  const sizes = emitter.emit(
    'Concat',
    [
      emitter.int64([1, 1]),
      emitSizes(emitter, 'inputs_embeds', 1, 2),
      emitSizes(emitter, 'attention_mask', 1, 2),
    ],
    { attributes: { axis: 0 } },
  );
  const bias = emitter.emit('Expand', [hidden, sizes]);
  for (const node of graph.node) {
    if (node.opType === 'GroupQueryAttention') node.input.push('', bias);
  }
  graph.node.unshift(...emitter.nodes);
  graph.initializer.push(...emitter.initializers);
  const own = await run(model);
  expect(maxDifference(own[0]!.logits, (await run(plain))[0]!.logits)).toBeGreaterThan(1e-3);
  expectAlike(await run(pruneModel(model, keepAll).model), own, 1e-4);
  const dropped = await run(pruneModel(model, plan).model);
  expect(dropped[2]!.cacheLengths).toEqual([42, 42, 36, 36, 24, 24]);
});

test('a bias that is fed is refused: its columns after a prune are nobody’s to know', () => {
  const model = clone(ModelProtoSchema, buildDecoder(config, weights));
  const graph = model.graph!;
  graph.input.push(
    tensorInfo('attention_bias', TensorProto_DataType.FLOAT, ['batch_size', 1, 'rows', 'columns']),
  );
  for (const node of graph.node) {
    if (node.opType === 'GroupQueryAttention') node.input.push('', 'attention_bias');
  }
  expect(() => pruneModel(model, plan)).toThrow(
    /after the prune after layer 2: .* found the input attention_bias, for which no value after a prune is known/,
  );
});
