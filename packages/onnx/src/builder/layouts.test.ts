import { type DecoderConfig, float16Array, ndarray, runReference } from '@transprune/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { randomCheckpoint, randomEmbeddings, smallConfig } from '../../testing/random-decoder.js';
import { encodeModel, type OnnxModel } from '../model/codec.js';
import { type BuildOptions, buildDecoder } from './decoder.js';
import { int4Rounded } from './int4.js';
import { checkpointWeights, namedRandomWeights } from './weights.js';

const config: DecoderConfig = { ...smallConfig, layers: 3 };
const equalHeads: DecoderConfig = { ...config, heads: 3, kvHeads: 3 };
const weights = namedRandomWeights(7);
const tokens = 11;
const someEmbeddings = randomEmbeddings(config, tokens, 5);
const gemma = { moduleNorms: true, softcap: 3, localWindow: 4, logitSoftcap: 2 } as const;

/** How many tokens each run takes. */
const schedules = { prefill: [11], decoding: [8, 1, 1, 1], 'chunked prefill': [4, 5, 2] };

interface Answer {
  /** Of all tokens, `[tokens, vocabulary]`. */
  readonly logits: number[];
  /** The last layer's keys. */
  readonly keys: number[];
  /** Other states, as the last run gave them out. */
  readonly states: Readonly<Record<string, number[]>>;
}

interface Feeding {
  readonly logitsToKeep?: number;
  /** How many tokens at the start are padding; positions count from the first that is none. */
  readonly padding?: number;
  readonly embeddings?: Float32Array;
}

/** Runs a decoder in chunks, feeding each input that it declares. */
async function answer(
  model: OnnxModel,
  chunks: readonly number[],
  { logitsToKeep = 0, padding = 0, embeddings = someEmbeddings }: Feeding = {},
): Promise<Answer> {
  const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 3 });
  const caches: Record<string, Tensor> = {};
  for (const input of session.inputMetadata) {
    if (!input.isTensor || !input.name.startsWith('past_')) continue;
    const state = input.name.startsWith('past_conv.');
    const dims = input.shape.map((size) => (typeof size === 'number' ? size : state ? 1 : 0));
    dims[0] = 1;
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, (_, i) => i % 7);
    caches[input.name] =
      input.type === 'float16'
        ? new Tensor('float16', float16Array(values), dims)
        : new Tensor('float32', values, dims);
  }
  const logits: number[] = [];
  const hidden = embeddings.length / chunks.reduce((sum, count) => sum + count);
  let seen = 0;
  for (const count of chunks) {
    const chunk = embeddings.subarray(seen * hidden, (seen + count) * hidden);
    const positions = BigInt64Array.from({ length: count }, (_, i) =>
      BigInt(Math.max(0, seen + i - padding)),
    );
    const mask = BigInt64Array.from({ length: seen + count }, (_, i) => (i < padding ? 0n : 1n));
    const feeds: Record<string, Tensor> = {
      ...caches,
      inputs_embeds: new Tensor('float32', chunk, [1, count, hidden]),
      attention_mask: new Tensor('int64', mask, [1, mask.length]),
      position_ids: new Tensor('int64', positions, [1, count]),
      num_logits_to_keep: new Tensor('int64', BigInt64Array.of(BigInt(logitsToKeep)), []),
      use_cache_branch: new Tensor('bool', [seen > 0], [1]),
    };
    const used = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
    const results = (await session.run(Object.fromEntries(used))) as Record<string, Tensor>;
    logits.push(...(results.logits!.data as Float32Array));
    for (const name of Object.keys(caches)) {
      const present = name
        .replace('past_conv', 'present_conv')
        .replace('past_key_values', 'present');
      caches[name] = results[present]!;
    }
    seen += count;
  }
  await session.release();
  const states = Object.entries(caches)
    .filter(([name]) => name.startsWith('past_conv.'))
    .map(([name, { data }]) => [name, Array.from(data as Float32Array, Number)] as const);
  const keys = Object.entries(caches).findLast(([name]) => name.endsWith('.key'))![1];
  return {
    logits,
    keys: Array.from(keys.data as Float32Array),
    states: Object.fromEntries(states),
  };
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

/** Builds both, runs both over every schedule. */
async function expectSame(
  sizes: DecoderConfig,
  layout: BuildOptions,
  base: BuildOptions,
  atol = 1e-4,
): Promise<void> {
  const expected = await answer(buildDecoder(sizes, weights, base), [tokens]);
  for (const chunks of Object.values(schedules)) {
    const actual = await answer(buildDecoder(sizes, weights, layout), chunks);
    expect(largestDifference(actual.logits, expected.logits), `${chunks}`).toBeLessThan(atol);
    // Halves come as their bits.
    if (!layout.precision?.endsWith('float16')) {
      expect(largestDifference(actual.keys, expected.keys), `${chunks}`).toBeLessThan(atol);
    }
  }
}

test('the plain layout computes what the reference does', async () => {
  const checkpoint = randomCheckpoint(config, 3);
  const { logits } = runReference(config, checkpoint, {
    inputsEmbeds: ndarray(Float64Array.from(someEmbeddings), [1, tokens, config.hiddenSize]),
  });
  for (const projections of ['packed', 'split'] as const) {
    const model = buildDecoder(config, checkpointWeights(checkpoint), { projections });
    const { logits: actual } = await answer(model, [5, 6]);
    expect(largestDifference(actual, [...logits.data])).toBeLessThan(1e-4);
  }
});

const groupQueryLayouts: BuildOptions[] = [
  {},
  { projections: 'split' },
  { rotary: 'separate' },
  { rotary: 'separate', projections: 'split' },
  { norms: 'separate' },
  { mergedBranches: true },
  { mergedBranches: true, rotary: 'separate', projections: 'split', norms: 'separate' },
  { numLogitsToKeep: true },
  { extraCaches: 2 },
];
const multiHeadLayouts = groupQueryLayouts.map(
  (layout): BuildOptions => ({ ...layout, attention: 'multi-head', rotary: 'separate' }),
);
const llamaLike = {
  LLaMA: {},
  'Qwen2 (biases)': { biases: true },
  'Qwen3 (query-key norm)': { queryKeyNorm: true },
};
const architectures = { ...llamaLike, 'Gemma (module norms, soft caps, local window)': gemma };

describe.each(Object.entries(architectures))('%s: group-query layouts agree', (_, architecture) => {
  test.each(groupQueryLayouts)('%j', async (layout) => {
    const base = { projections: 'split', architecture } as const;
    await expectSame(config, { ...layout, architecture }, base);
  });
});

describe.each(Object.entries(llamaLike))('%s: multi-head is group-query', (_, architecture) => {
  test.each(multiHeadLayouts)('%j', async (layout) => {
    await expectSame(equalHeads, { ...layout, architecture }, { architecture });
  });
});

describe('precision', () => {
  const layouts: BuildOptions[] = [
    {},
    { projections: 'split', rotary: 'separate', norms: 'separate' },
    { mergedBranches: true },
    { architecture: { biases: true, queryKeyNorm: true } },
    { architecture: { ...gemma, embeddingScale: 2 } },
  ];

  test.each(layouts)('float16 is float32, roughly: %j', async (layout) => {
    await expectSame(config, { ...layout, precision: 'float16' }, layout, 2e-2);
  });

  test.each(layouts)('int4 is float32 with rounded weights: %j', async (layout) => {
    const rounded = buildDecoder(config, int4Rounded(weights), layout);
    const plain = buildDecoder(config, weights, layout);
    const expected = await answer(rounded, [tokens]);
    expect(
      largestDifference((await answer(plain, [tokens])).logits, expected.logits),
    ).toBeGreaterThan(1e-2);
    for (const chunks of Object.values(schedules)) {
      for (const precision of ['int4', 'int4-float16'] as const) {
        const model = buildDecoder(config, weights, { ...layout, precision });
        const { logits } = await answer(model, chunks);
        const atol = precision === 'int4' ? 1e-4 : 2e-2;
        expect(largestDifference(logits, expected.logits), precision).toBeLessThan(atol);
      }
    }
  });

  test.each(['float16', 'int4', 'int4-float16'] as const)('multi-head in %s', async (precision) => {
    const layout = { attention: 'multi-head', precision } as const;
    await expectSame(equalHeads, layout, { precision }, precision === 'int4' ? 1e-4 : 2e-2);
  });
});

describe('experts', () => {
  const architecture = { experts: { count: 5, perToken: 2 } };

  test('tokens pass them alone as together', async () => {
    await expectSame(config, { architecture, norms: 'separate' }, { architecture });
  });

  test('of 4 bits are those with rounded weights', async () => {
    const sizes = { ...config, hiddenSize: 64, intermediateSize: 64 };
    const embeddings = randomEmbeddings(sizes, tokens, 5);
    const rounded = buildDecoder(sizes, int4Rounded(weights), { architecture });
    const expected = await answer(rounded, [tokens], { embeddings });
    const model = buildDecoder(sizes, weights, { architecture, precision: 'int4' });
    for (const chunks of Object.values(schedules)) {
      const { logits } = await answer(model, chunks, { embeddings });
      expect(largestDifference(logits, expected.logits)).toBeLessThan(1e-4);
    }
  });
});

test.each([
  { biases: true },
  { queryKeyNorm: true },
  { moduleNorms: true },
  { softcap: 1 },
  { logitSoftcap: 1 },
  { localWindow: 3 },
  { localWindow: 3, localLayers: 'alternate' },
  { embeddingScale: 2 },
  { experts: { count: 5, perToken: 2 } },
] as const)('%j changes the logits', async (architecture) => {
  const plain = await answer(buildDecoder(config, weights), [tokens]);
  const model = buildDecoder(config, weights, { architecture });
  const { logits } = await answer(model, [tokens]);
  expect(largestDifference(logits, plain.logits)).toBeGreaterThan(1e-2);
});

test('soft caps of logits bound them', async () => {
  const model = buildDecoder(config, weights, { architecture: { logitSoftcap: 0.5 } });
  const { logits } = await answer(model, [tokens]);
  expect(Math.max(...logits.map(Math.abs))).toBeLessThan(0.5);
});

test('a local window holds that many tokens, the last one among them', async () => {
  const localWindow = 4;
  const model = buildDecoder({ ...config, layers: 1 }, weights, { architecture: { localWindow } });
  const plain = await answer(model, [tokens]);
  const lastRowMoves = async (changed: number) => {
    const others = someEmbeddings.slice();
    others.fill(0.5, changed * config.hiddenSize, (changed + 1) * config.hiddenSize);
    const { logits } = await answer(model, [tokens], { embeddings: others });
    const size = config.vocabularySize;
    return largestDifference(logits.slice(-size), plain.logits.slice(-size));
  };
  expect(await lastRowMoves(tokens - localWindow)).toBeGreaterThan(1e-3);
  expect(await lastRowMoves(tokens - localWindow - 1)).toBe(0);
});

test('logits of the last tokens only', async () => {
  for (const mergedBranches of [false, true]) {
    const model = buildDecoder(config, weights, { numLogitsToKeep: true, mergedBranches });
    const all = await answer(model, [tokens]);
    const { logits } = await answer(model, [8, 3], { logitsToKeep: 2 });
    const size = config.vocabularySize;
    expect(logits).toHaveLength(4 * size);
    expect(largestDifference(logits.slice(2 * size), all.logits.slice(-2 * size))).toBeLessThan(
      1e-4,
    );
  }
});

test.each(['float32', 'float16'] as const)('%s extra caches pass through', async (precision) => {
  for (const mergedBranches of [false, true]) {
    const options = { extraCaches: 2, precision, mergedBranches } as const;
    const model = buildDecoder(config, weights, options);
    const { states } = await answer(model, [tokens]);
    const values = Float32Array.from({ length: 3 * config.hiddenSize }, (_, i) => i % 7);
    const expected = [...(precision === 'float16' ? float16Array(values) : values)];
    expect(states).toEqual({ 'past_conv.0': expected, 'past_conv.1': expected });
  }
});

test.each(['float32', 'float16'] as const)('multi-head %s ignores padding', async (precision) => {
  const padding = 4;
  const model = buildDecoder(equalHeads, weights, { attention: 'multi-head', precision });
  const padded = await answer(model, [8, 3], { padding });
  const bare = someEmbeddings.subarray(padding * config.hiddenSize);
  const alone = await answer(model, [tokens - padding], { embeddings: bare });
  const unpadded = padded.logits.slice(padding * config.vocabularySize);
  const atol = precision === 'float16' ? 2e-2 : 1e-4;
  expect(largestDifference(unpadded, alone.logits)).toBeLessThan(atol);
});
