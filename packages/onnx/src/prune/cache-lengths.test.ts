/** Caches with room for more than they hold, as runtimes that write to them in place have. */
import { readFileSync } from 'node:fs';
import { clone, create } from '@bufbuild/protobuf';
import { createPlan, positionModes } from '@transprune/core';
import { caseFile, maxDifference, officialFile } from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { randomEmbeddings, smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { readDecoder } from '../decoder/read.js';
import { tensor } from '../graph/emitter.js';
import { inspectModel } from '../inspect/inspect.js';
import { decodeModel, encodeModel, type OnnxModel } from '../model/codec.js';
import {
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
} from '../proto/onnx_pb.js';
import { pruneModel } from './prune.js';

const cacheRoom = 48;
const official = (name: string) => readFileSync(officialFile(`group-query-attention/${name}`));
/** Runs that fail are meant to; one of the decoders has its weights beside it. */
const opening = {
  logSeverityLevel: 4,
  externalData: [{ path: 'model.onnx.data', data: official('model.onnx.data') }],
} as const;
const plan = createPlan({
  accumulateLayers: [1, 2],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 3, keepRatio: 0.25 },
  ],
});
const anyKept = createPlan({ method: 'random', stages: [{ afterLayer: 1, keepRatio: 0.5 }] });

const caseModel = (name: string) => decodeModel(readFileSync(caseFile(name)));
const built = buildDecoder(smallConfig, randomWeights(1));
const evenConfig = { ...smallConfig, kvHeads: smallConfig.heads };
const multiHead = buildDecoder(evenConfig, randomWeights(1), { attention: 'multi-head' });
const merged = buildDecoder(smallConfig, randomWeights(1), { mergedBranches: true });

/** A prompt in two calls, two tokens, a second turn with an image, a token: what is an image, 1 for 1. */
const calls = ['00111111110000', '00011100', '0', '0', '001111000', '0'].map((marks) =>
  Array.from(marks, Number),
);
const text = [[0, 0, 0, 0], [0]];

/** Logits of calls one after the other. */
async function play(model: OnnxModel, original: OnnxModel, own = calls, cacheRoom = 0) {
  const { hiddenSize, attention } = readDecoder(original);
  const decoder = await openDecoder(encodeModel(model), { ...attention, cacheRoom }, opening);
  const logits: Float32Array[] = [];
  for (const [at, marks] of own.entries()) {
    const embeddings = randomEmbeddings({ ...smallConfig, hiddenSize }, marks.length, at + 1);
    logits.push((await decoder.step(embeddings, marks)).logits);
  }
  return logits;
}

const furthest = (found: readonly Float32Array[], expected: readonly Float32Array[]) =>
  Math.max(...expected.map((logits, at) => maxDifference(found[at] ?? [], logits)));

describe.each([
  ['GroupQueryAttention that rotates', built, plan],
  ['the same, by GenAI', decodeModel(official('model.onnx')), plan],
  ['rotation before it, by GenAI', caseModel('gqa-head-dim-symbolic/llama-genai-dml.onnx'), plan],
  ['a convolution before the first cache', caseModel('hybrid/lfm2-genai.onnx'), anyKept],
] as const)('%s', (_, original, plan) => {
  test('answers as in caches that grow, pruned it fails', async () => {
    const expected = await play(original, original);
    const roomy = await play(original, original, calls, cacheRoom);
    expect(furthest(roomy, expected)).toBeLessThan(1e-4);
    const pruned = pruneModel(original, plan).model;
    await play(pruned, original);
    const complaint = /attention_mask_has_to_be_as_wide_as_past.*_prune_with_cache_fixed/;
    for (const own of [calls, text]) {
      await expect(play(pruned, original, own, cacheRoom)).rejects.toThrow(complaint);
    }
  });

  test.each(positionModes)('for fixed caches, positions %s', async (positions) => {
    const growing = pruneModel(original, { ...plan, positions }).model;
    const fixed = pruneModel(original, { ...plan, positions }, { cache: 'fixed' }).model;
    const expected = await play(growing, original);
    for (const room of [0, cacheRoom]) {
      expect(furthest(await play(fixed, original, calls, room), expected)).toBeLessThan(1e-4);
    }
    expect(await play(fixed, original, text, cacheRoom)).toEqual(
      await play(original, original, text, cacheRoom),
    );
  });
});

test.each([
  ['as wide as what was seen', undefined],
  ['as wide as the buffers', cacheRoom],
])('caches stay in their buffers, the mask %s', async (_, width) => {
  const expected = await play(pruneModel(built, plan).model, built);
  const { model } = pruneModel(built, plan, { cache: 'fixed' });
  const session = await InferenceSession.create(encodeModel(model), opening);
  const { hiddenSize, kvHeads, headDim } = smallConfig;
  const longs = (values: readonly number[]) => BigInt64Array.from(values, BigInt);
  const pasts = session.inputNames.filter((name) => name.startsWith('past_key_values'));
  const size = [1, kvHeads, cacheRoom, headDim];
  // What is beyond a cache's length may be anything.
  const buffer = () => new Float32Array(kvHeads * cacheRoom * headDim).fill(1e3);
  const buffers = new Map(pasts.map((name) => [name, new Tensor('float32', buffer(), size)]));
  const lengths = plan.stages.map(() => new Tensor('int64', [0n], [1]));
  let seen = 0;
  for (const [at, marks] of calls.entries()) {
    const tokens = marks.length;
    const embeddings = randomEmbeddings(smallConfig, tokens, at + 1);
    seen += tokens;
    const mask = Array.from({ length: width ?? seen }, (_, place) => (place < seen ? 1 : 0));
    const feeds = {
      inputs_embeds: new Tensor('float32', embeddings, [1, tokens, hiddenSize]),
      attention_mask: new Tensor('int64', longs(mask), [1, mask.length]),
      image_mask: new Tensor('int64', longs(marks), [1, tokens]),
      ...Object.fromEntries(buffers),
      ...Object.fromEntries(lengths.map((own, stage) => [`past_pruning.length.${stage}`, own])),
    };
    const presents = [...buffers].map(([past, own]) => [
      past.replace('past_key_values', 'present'),
      own,
    ]);
    const carried = lengths.map((_, stage) => [`pruning.length.${stage}`, null]);
    const fetches = { logits: null, ...Object.fromEntries([...presents, ...carried]) };
    const results = await session.run(feeds, fetches);
    lengths.forEach((_, stage) => {
      lengths[stage] = results[`pruning.length.${stage}`] as (typeof lengths)[number];
    });
    const logits = results.logits?.data as Float32Array;
    expect(maxDifference(logits, expected[at] ?? [])).toBeLessThan(1e-4);
  }
  // 19 tokens of text; of 8, 3 and 4 image tokens 4, 1 and 2 stay, then 2, 1 and 1.
  expect(lengths.map(({ data }) => Number(data[0]))).toEqual([26, 23]);
  await session.release();
});

test('lengths that contradict what was seen fail', async () => {
  const { model } = pruneModel(built, plan, { cache: 'fixed' });
  const step = async (before: readonly number[][], length: bigint) => {
    const decoder = await openDecoder(encodeModel(model), { ...smallConfig, cacheRoom }, opening);
    for (const marks of before) await decoder.step(randomEmbeddings(smallConfig, marks.length, 1));
    const own = { type: 'int64', dims: [1], data: BigInt64Array.of(length) } as const;
    const extra = { 'past_pruning.length.1': own };
    return decoder.step(randomEmbeddings(smallConfig, 1, 1), [0], { extra });
  };
  await step([], 0n);
  await step([[0, 0, 0]], 3n);
  const complaint = /past_lengths_have_to_be_those_that_the_call_before_gave_out/;
  await expect(step([], 3n)).rejects.toThrow(complaint);
  await expect(step([[0, 0, 0]], 0n)).rejects.toThrow(complaint);
  await expect(step([[0, 0, 0]], 4n)).rejects.toThrow(complaint);
});

test('a graph that does not read its mask takes any', async () => {
  const blind = clone(ModelProtoSchema, multiHead);
  const graph = blind.graph!;
  graph.node = graph.node.filter(({ name }) => !name.startsWith('attention_bias'));
  for (const node of graph.node) {
    if (node.opType !== 'MultiHeadAttention') continue;
    node.input[5] = '';
    node.attribute.push(create(AttributeProtoSchema, { name: 'unidirectional', i: 1n }));
  }
  const { model } = pruneModel(blind, plan);
  expect(model.graph!.node.some(({ input }) => input.includes('attention_mask'))).toBe(false);
});

describe('caches of a fixed length are refused', () => {
  const fixed = (model: OnnxModel) => () => pruneModel(model, plan, { cache: 'fixed' });

  test('where attention takes its cache for as long as it is', () => {
    expect(fixed(multiHead)).toThrow(/layer 1: expected attention that is told.*grows by each/);
    const { cacheModes } = inspectModel(multiHead);
    expect(cacheModes).toEqual(['growing']);
    expect(inspectModel(built).cacheModes).toEqual(['growing', 'fixed']);
  });

  test('in a graph that starts without a cache', () => {
    expect(fixed(merged)).toThrow(/layer 1: .* found a decoder that starts without a cache/);
  });

  test('where a length is read of a cache', () => {
    const model = clone(ModelProtoSchema, built);
    const graph = model.graph!;
    const made = (opType: string, input: string[], output: string) =>
      create(NodeProtoSchema, { opType, input, output: [output] });
    for (const node of graph.node) {
      node.input = node.input.map((name) => (name === 'lengths/Shape' ? 'sizes' : name));
    }
    const sizes = made('Shape', ['past_key_values.1.value'], 'cached');
    const none = made('Sub', ['cached', 'cached'], 'none');
    const two = { opType: 'Slice', input: ['none', 'zero', 'two'], output: ['no'] };
    const slice = create(NodeProtoSchema, two);
    graph.node.push(sizes, none, slice, made('Add', ['lengths/Shape', 'no'], 'sizes'));
    graph.initializer.push(
      ...[0n, 2n].map((value, at) => {
        const data = new Uint8Array(BigInt64Array.of(value).buffer);
        return tensor(at === 0 ? 'zero' : 'two', TensorProto_DataType.INT64, [1], data);
      }),
    );
    expect(fixed(model)).toThrow(/layer 2: .* found past_key_values.1.value, read besides/);
  });

  test('with constant indices', () => {
    const options = { cache: 'fixed', constantIndices: [[0], [0]] } as const;
    expect(() => pruneModel(built, plan, options)).toThrow(/either cache or constant indices/);
  });
});
