import { clone } from '@bufbuild/protobuf';
import {
  createPlan,
  defineMethod,
  keptImageTokens,
  ndarray,
  type PrunePlan,
  presetPlan,
  runReference,
} from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  smallConfig as config,
  randomCheckpoint,
  randomEmbeddings,
} from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { checkpointWeights } from '../builder/weights.js';
import { createEmitter } from '../graph/emitter.js';
import { printNode } from '../graph/print.js';
import { isScoring } from '../graph/provenance.js';
import { allNodes } from '../graph/subgraphs.js';
import { encodeModel } from '../model/codec.js';
import { readPlan } from '../model/metadata.js';
import { ModelProtoSchema, type NodeProto } from '../proto/onnx_pb.js';
import { pruneModel } from './prune.js';

const checkpoint = randomCheckpoint(config, 1);
const weights = checkpointWeights(checkpoint);
const packed = buildDecoder(config, weights);
const graphs = { packed, split: buildDecoder(config, weights, { projections: 'split' }) };
const { plan } = presetPlan('transprune-high', config.layers);

/** A method of its own, in which the last token asks. */
const lastAttention = defineMethod({
  name: 'last-attention',
  summary: 'the attention of the last token',
  source: 'FastV (arXiv 2403.06764)',
  needs: ['instructionAttention'],
  asks: 'last-token',
  score: (_, { instructionAttention }) => instructionAttention,
});

const span = (tokens: number, start: number, images: number) =>
  Array.from({ length: tokens }, (_, i) => (i >= start && i < start + images ? 1 : 0));

/** Runs a pruned decoder and the reference on the same prompt, then one decoding step on both. */
async function runBoth(model: typeof packed, plan: PrunePlan, imageMask: number[], seed: number) {
  const tokens = imageMask.length;
  const embeddings = randomEmbeddings(config, tokens, seed);
  const next = randomEmbeddings(config, 1, seed + 1);
  const decoder = await openDecoder(
    encodeModel(pruneModel(model, plan, { trace: true }).model),
    config,
  );
  const graph = [await decoder.step(embeddings, imageMask), await decoder.step(next)] as const;
  const prefill = runReference(config, checkpoint, {
    inputsEmbeds: ndarray(embeddings, [1, tokens, config.hiddenSize]),
    imageMask,
    plan,
  });
  const decoded = runReference(config, checkpoint, {
    inputsEmbeds: ndarray(next, [1, 1, config.hiddenSize]),
    cache: prefill.cache,
    plan,
  });
  return { graph, prefill, decoded };
}

describe('random plans and prompts, held against the reference', () => {
  const stagesOf = fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
      fc.array(fc.integer({ min: 3, max: 64 }), { minLength: 3, maxLength: 3 }),
    )
    .map(([layers, ratios]) => {
      const descending = [...ratios].sort((a, b) => b - a);
      return layers
        .sort((a, b) => a - b)
        .map((afterLayer, i) => ({ afterLayer, keepRatio: (descending[i] ?? 64) / 64 }));
    });
  const scenario = fc.record({
    stages: stagesOf,
    method: fc.constantFrom<PrunePlan['method'][]>('transprune', 'random', lastAttention),
    direction: fc.constantFrom('1-cos' as const, '|cos|' as const),
    before: fc.integer({ min: 1, max: 6 }),
    images: fc.integer({ min: 1, max: 24 }),
    after: fc.integer({ min: 0, max: 8 }),
    /** Text tokens among the image tokens: several spans instead of one. */
    gaps: fc.array(fc.nat(23), { maxLength: 4 }),
    seed: fc.nat(1000),
    mass: fc.constantFrom({}, { keepMass: 0.3 }, { keepMass: 0.8, keepFloor: 0.25 }),
    projections: fc.constantFrom('packed' as const, 'split' as const),
  });

  test('kept tokens, scores, logits and cache lengths agree, then a decoding step', async () => {
    await fc.assert(
      fc.asyncProperty(
        scenario,
        async ({ before, images, after, gaps, seed, mass, projections, ...fields }) => {
          const plan = createPlan({ accumulateLayers: [1, 2, 3, 4, 5], ...fields, ...mass, seed });
          const mask = span(before + images + after, before, images);
          for (const gap of gaps) mask[before + (gap % images)] = 0;
          const {
            graph: steps,
            prefill,
            decoded,
          } = await runBoth(graphs[projections], plan, mask, seed);
          prefill.stages.forEach((stage, index) => {
            const score = steps[0].extra[`pruning.score.${index}`]!;
            const expected = [...stage.score].map((s, i) => s * stage.imageMask[i]!);
            expect(maxDifference(score, expected)).toBeLessThan(1e-5);
            expect(steps[0].extra[`pruning.kept.${index}`]).toEqual(stage.kept);
          });
          expect(maxDifference(steps[0].logits, prefill.logits.data)).toBeLessThan(1e-4);
          expect(maxDifference(steps[1].logits, decoded.logits.data)).toBeLessThan(1e-4);
          const lengths = decoded.cache.map(({ key }) => key.shape[2]);
          expect(steps[1].cacheLengths).toEqual(lengths);
        },
      ),
      { numRuns: 25, seed: 20 },
    );
  });
});

test('adds in nodes of their own, and projections with a bias, are pruned alike', async () => {
  const spelled = clone(ModelProtoSchema, packed);
  const graph = spelled.graph!;
  const emitter = createEmitter([], 21);
  const bias = (size: number) => emitter.float(new Float32Array(size));
  for (const node of graph.node) {
    const [a = '', b = '', weight = ''] = node.input;
    const output = node.output[0]!;
    if (node.opType === 'SkipSimplifiedLayerNormalization') {
      const sum = node.output[3] || `${output}/sum`;
      emitter.emit('Add', [a, b], { outputs: [sum] });
      emitter.emit('SimplifiedLayerNormalization', [sum, weight], {
        attributes: { axis: -1, epsilon: { float: config.rmsNormEpsilon } },
        outputs: [output],
      });
    } else if (node.opType === 'MatMul' && /q_proj|o_proj/.test(b)) {
      node.output = [`${output}/product`];
      const size = b.includes('q_proj') ? 96 + 2 * 32 : config.hiddenSize;
      emitter.nodes.push(node);
      emitter.emit('Add', [`${output}/product`, bias(size)], { outputs: [output] });
    } else emitter.nodes.push(node);
  }
  graph.node = emitter.nodes;
  graph.initializer.push(...emitter.initializers);
  const mask = span(20, 2, 12);
  const { graph: fused } = await runBoth(packed, plan, mask, 5);
  const { graph: apart } = await runBoth(spelled, plan, mask, 5);
  expect(apart[0].extra['pruning.kept.2']).toEqual(fused[0].extra['pruning.kept.2']);
  expect(maxDifference(apart[0].logits, fused[0].logits)).toBeLessThan(1e-4);
  expect(maxDifference(apart[1].logits, fused[1].logits)).toBeLessThan(1e-4);
});

test('layers that write nothing leave text where it is', async () => {
  const silent = {
    ...checkpoint,
    tensor(name: string) {
      const tensor = checkpoint.tensor(name);
      const isOutput = /layers\.[01]\..*(o_proj|down_proj)/.test(name);
      return isOutput ? ndarray(new Float64Array(tensor.data.length), tensor.shape) : tensor;
    },
  };
  const plan = createPlan({
    accumulateLayers: [1, 2],
    stages: [{ afterLayer: 2, keepRatio: 0.25 }],
  });
  const model = pruneModel(buildDecoder(config, checkpointWeights(silent)), plan, { trace: true });
  const decoder = await openDecoder(encodeModel(model.model), config);
  const mask = span(24, 4, 16);
  const step = await decoder.step(randomEmbeddings(config, 24, 8), mask);
  expect(step.extra['pruning.score.0']!.every(Number.isFinite)).toBe(true);
  const kept = step.extra['pruning.kept.0']!;
  expect(kept.filter((i) => mask[i] === 0)).toHaveLength(8);
  expect(kept.filter((i) => mask[i] === 1)).toHaveLength(4);
});

test('a prompt without image is not pruned', async () => {
  const embeddings = randomEmbeddings(config, 9, 3);
  const unpruned = await openDecoder(encodeModel(packed), config);
  const pruned = await openDecoder(encodeModel(pruneModel(packed, plan).model), config);
  const expected = await unpruned.step(embeddings);
  const actual = await pruned.step(embeddings, new Array(9).fill(0));
  expect(maxDifference(actual.logits, expected.logits)).toBeLessThan(1e-5);
});

test.each([
  [0.29, 100, 29],
  [0.7, 90, 63],
  [0.9999999, 30, 29],
  [0.99999998, 30, 29],
  [1, 30, 30],
])('a ratio of %d keeps of %d image tokens %d', async (keepRatio, tokens, kept) => {
  const plan = createPlan({ method: 'random', stages: [{ afterLayer: 1, keepRatio }] });
  const decoder = await openDecoder(encodeModel(pruneModel(packed, plan).model), config);
  const embeddings = randomEmbeddings(config, 1 + tokens, 3);
  const step = await decoder.step(embeddings, span(1 + tokens, 1, tokens));
  expect(step.logitsShape[1]).toBe(1 + kept);
  expect(keptImageTokens(keepRatio, tokens)).toBe(kept);
});

test('of more than four accumulated layers a stage adds up four at a time', async () => {
  const deep = createPlan({
    accumulateLayers: [1, 2, 3, 4, 5],
    stages: [{ afterLayer: 5, keepRatio: 0.25 }],
  });
  const ifs = pruneModel(packed, deep).model.graph!.node.filter(({ opType }) => opType === 'If');
  expect(ifs).toHaveLength(2);
  const { graph, prefill, decoded } = await runBoth(packed, deep, span(24, 3, 16), 9);
  expect(graph[0].extra['pruning.kept.0']).toEqual(prefill.stages[0]!.kept);
  expect(maxDifference(graph[0].logits, prefill.logits.data)).toBeLessThan(1e-4);
  expect(maxDifference(graph[1].logits, decoded.logits.data)).toBeLessThan(1e-4);
});

test('constant indices gather the same rows without scoring', async () => {
  const mask = span(20, 2, 12);
  const { graph, prefill } = await runBoth(packed, plan, mask, 5);
  let before = mask.map((_, i) => i);
  const constantIndices = prefill.stages.map(({ kept }) => {
    const indices = kept.map((position) => before.indexOf(position));
    before = [...kept];
    return indices;
  });
  const { model, report } = pruneModel(packed, plan, { constantIndices });
  const oracle = await openDecoder(encodeModel(model), config);
  const step = await oracle.step(randomEmbeddings(config, 20, 5), mask);
  expect(maxDifference(step.logits, graph[0].logits)).toBeLessThan(1e-5);
  expect(report.nodes.after).toBeLessThan(pruneModel(packed, plan).report.nodes.after / 2);
});

test('constant indices leave nothing to trace', () => {
  const options = { trace: true, constantIndices: [[0], [0], [0]] };
  expect(() => pruneModel(packed, plan, options)).toThrow(/either trace or constant indices/);
});

test('the pass changes nothing of what came in, and gives the same bytes each time', () => {
  const before = encodeModel(packed);
  const first = encodeModel(pruneModel(packed, plan).model);
  expect(encodeModel(packed)).toEqual(before);
  expect(encodeModel(pruneModel(packed, plan).model)).toEqual(first);
});

test('inputs and outputs keep their names; lengths after a prune have names of their own', () => {
  const { model } = pruneModel(packed, plan, { trace: true });
  const names = (infos: readonly { name: string }[]) => infos.map(({ name }) => name);
  expect(names(model.graph!.input)).toEqual([...names(packed.graph!.input), 'image_mask']);
  expect(names(model.graph!.output)).toEqual([
    ...names(packed.graph!.output),
    ...[0, 1, 2].flatMap((stage) => [`pruning.kept.${stage}`, `pruning.score.${stage}`]),
  ]);
  const lengthOf = (name: string) => {
    const info = [...model.graph!.input, ...model.graph!.output].find((i) => i.name === name);
    const type = info!.type!.value;
    return type.case === 'tensorType' ? type.value.shape!.dim.map(({ value }) => value.value) : [];
  };
  expect(lengthOf('present.0.key')[2]).toBe('total_sequence_length');
  expect(lengthOf('present.5.key')[2]).toBe('total_sequence_length_after_layer_3');
  expect(lengthOf('past_key_values.5.key')[2]).toBe('past_sequence_length_after_layer_3');
  expect(lengthOf('logits')).toEqual(['batch_size', 'sequence_length_after_layer_3', 32n]);
});

test('the plan is in the metadata, and a pruned model is not pruned again', () => {
  const { model } = pruneModel(packed, plan);
  expect(readPlan(model)).toEqual({ ...plan, positions: 'renumber' });
  expect(readPlan(packed)).toBeUndefined();
  expect(() => pruneModel(model, plan)).toThrow(/not pruned yet/);
});

test('the nodes of a stage, with the random method as the shortest', () => {
  const one = createPlan({ method: 'random', stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
  const { model } = pruneModel(packed, one);
  const added = model.graph!.node.filter(({ name }) => name.startsWith('pruning'));
  expect(added.map(printNode).join('\n')).toMatchInlineSnapshot(`
    "pruning/Sign = Sign(image_mask)
    pruning/Abs = Abs(pruning/Sign)
    pruning/ReduceSum = ReduceSum(pruning/Abs, constants/INT64[1]1_) { keepdims=1 }
    pruning/lengths/Shape = Shape(past_key_values.0.key) { start=2, end=3 }
    pruning/lengths/Shape_1 = Shape(attention_mask) { start=1, end=2 }
    pruning/lengths/Shape_2 = Shape(inputs_embeds) { start=1, end=2 }
    pruning/lengths/Sub = Sub(pruning/lengths/Shape_1, pruning/lengths/Shape_2)
    pruning/lengths/Sub_1 = Sub(pruning/lengths/Shape, pruning/lengths/Sub)
    pruning/lengths/Abs = Abs(pruning/lengths/Sub_1)
    pruning/attention_mask_has_to_be_as_wide_as_past_and_tokens_together/for_longer_caches_prune_with_cache_fixed/Gather = Gather(constants/INT64[1]0, pruning/lengths/Abs) { axis=0 }
    pruning/Add = Add(pruning/ReduceSum, pruning/attention_mask_has_to_be_as_wide_as_past_and_tokens_together/for_longer_caches_prune_with_cache_fixed/Gather)
    pruning/Cast = Cast(pruning/Add) { to=9 }
    layer_1/ffn/MatMul_2/stream/after_layer_2, layer_1/ffn/MatMul_2/normed/after_layer_2 = If(pruning/Cast)
      then_branch:
        pruning/Cast_1 = Cast(pruning/Abs) { to=1 }
        pruning/Shape = Shape(image_mask) { start=1, end=2 }
        pruning/Squeeze = Squeeze(pruning/Shape, constants/INT64[1]0_)
        pruning/Range = Range(constants/INT64[]0, pruning/Squeeze, constants/INT64[]1_)
        pruning/Cast_2 = Cast(pruning/Range) { to=1 }
        pruning/Unsqueeze = Unsqueeze(pruning/Range, constants/INT64[1]0_)
        pruning/Mod = Mod(pruning/Unsqueeze, constants/INT64[1]16384)
        pruning/Gather = Gather(constants/FLOAT[16384]3, pruning/Mod) { axis=0 }
        pruning/after_layer_2/Mul = Mul(pruning/Gather, pruning/Cast_1)
        pruning/after_layer_2/Sub = Sub(pruning/Shape, pruning/Add)
        pruning/after_layer_2/Abs = Abs(pruning/after_layer_2/Mul)
        pruning/after_layer_2/Less = Less(pruning/after_layer_2/Abs, constants/FLOAT[]1.0000000150474662e+29)
        pruning/after_layer_2/Where = Where(pruning/after_layer_2/Less, pruning/after_layer_2/Mul, constants/FLOAT[]-1.0000000150474662e+29)
        pruning/after_layer_2/Mul_1 = Mul(pruning/Add, constants/INT64[]536870912)
        pruning/after_layer_2/Div = Div(pruning/after_layer_2/Mul_1, constants/INT64[]1073741824)
        pruning/after_layer_2/Sign = Sign(pruning/Add)
        pruning/after_layer_2/Max = Max(pruning/after_layer_2/Div, pruning/after_layer_2/Sign)
        pruning/after_layer_2/Add = Add(pruning/after_layer_2/Sub, pruning/after_layer_2/Max)
        pruning/after_layer_2/Cast = Cast(pruning/Cast_1) { to=9 }
        pruning/after_layer_2/Where_1 = Where(pruning/after_layer_2/Cast, pruning/after_layer_2/Where, constants/FLOAT[]1.0000000150474662e+30)
        pruning/after_layer_2/Reshape = Reshape(pruning/after_layer_2/Add, constants/INT64[1]1__)
        pruning/after_layer_2/Where_1/largest, pruning/after_layer_2/Where_1/indices = TopK(pruning/after_layer_2/Where_1, pruning/after_layer_2/Reshape) { axis=-1 }
        pruning/after_layer_2/Gather = Gather(pruning/Cast_2, pruning/after_layer_2/Where_1/indices) { axis=0 }
        pruning/after_layer_2/Neg = Neg(pruning/after_layer_2/Gather)
        pruning/after_layer_2/Neg/largest, pruning/after_layer_2/Neg/indices = TopK(pruning/after_layer_2/Neg, pruning/after_layer_2/Reshape) { axis=-1 }
        pruning/after_layer_2/Neg_1 = Neg(pruning/after_layer_2/Neg/largest)
        pruning/after_layer_2/Squeeze = Squeeze(pruning/after_layer_2/Neg_1, constants/INT64[1]0_)
        pruning/after_layer_2/Cast_1 = Cast(pruning/after_layer_2/Squeeze) { to=7 }
        pruning/after_layer_2/Gather_1 = Gather(layer_1/ffn/MatMul_2/stream, pruning/after_layer_2/Cast_1) { axis=1 }
        pruning/after_layer_2/Gather_2 = Gather(layer_1/ffn/MatMul_2/normed, pruning/after_layer_2/Cast_1) { axis=1 }
        gives pruning/after_layer_2/Gather_1, pruning/after_layer_2/Gather_2
      else_branch:
        layer_1/ffn/MatMul_2/stream/after_layer_2/otherwise = Identity(layer_1/ffn/MatMul_2/stream)
        layer_1/ffn/MatMul_2/normed/after_layer_2/otherwise = Identity(layer_1/ffn/MatMul_2/normed)
        gives layer_1/ffn/MatMul_2/stream/after_layer_2/otherwise, layer_1/ffn/MatMul_2/normed/after_layer_2/otherwise
    pruning/after_layer_2/mask/Shape_1 = Shape(past_key_values.2.key) { start=2, end=3 }
    pruning/after_layer_2/mask/Shape = Shape(layer_1/ffn/MatMul_2/stream/after_layer_2) { start=1, end=2 }
    pruning/after_layer_2/mask/Add = Add(pruning/after_layer_2/mask/Shape_1, pruning/after_layer_2/mask/Shape)
    pruning/after_layer_2/lengths/Squeeze = Squeeze(pruning/after_layer_2/mask/Add, constants/INT64[1]0)"
  `);
});

test.each([
  ['renumber', {}],
  ['keep', {}],
  ['keep', { batch: true, trace: true, instructionMask: true, runtimeRatios: true, taps: true }],
] as const)('every node that is added says what for: positions %s, %o', (positions, options) => {
  const { model, report, provenance } = pruneModel(packed, { ...plan, positions }, options);
  const own = new Set(packed.graph!.node.flatMap(({ output }) => output));
  const isOwn = ({ output }: NodeProto) => output.some((name) => name !== '' && own.has(name));
  const nodes = allNodes(model.graph!);
  const [provenanceOf] = provenance;
  const added = nodes.filter((node) => !isOwn(node)).map((node) => provenanceOf!(node));
  expect(added.filter((origin) => origin === undefined)).toEqual([]);
  expect(nodes.filter(isOwn).map((node) => provenanceOf!(node)?.role)).toEqual(
    packed.graph!.node.map(() => undefined),
  );
  expect(added.filter(isScoring)).toHaveLength(report.scoringNodes);
  expect(report.nodes.after).toBe(nodes.length);
});

test('a plan that does not fit is refused', () => {
  const beyond = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 6, keepRatio: 0.5 }] });
  expect(() => pruneModel(packed, beyond)).toThrow(/from 1 to 5 for a decoder of 6 layers, got 6/);
});
