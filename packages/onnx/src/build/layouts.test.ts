import { type DecoderConfig, ndarray, runReference } from '@transprune/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { randomCheckpoint, randomEmbeddings, smallConfig } from '../../testing/random-decoder.js';
import { encodeModel, type OnnxModel } from '../model/codec.js';
import { type BuildOptions, buildDecoder } from './decoder.js';
import { float16Bits } from './float16.js';
import { int4Rounded } from './int4.js';
import { checkpointWeights, namedRandomWeights } from './weights.js';

const config: DecoderConfig = { ...smallConfig, layers: 3 };
const equalHeads: DecoderConfig = { ...config, heads: 3, kvHeads: 3 };
const weights = namedRandomWeights(7);
const tokens = 11;
const embeddings = randomEmbeddings(config, tokens, 5);
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

/** Runs a decoder in chunks, feeding each input that it declares. */
async function answer(
  model: OnnxModel,
  chunks: readonly number[],
  logitsToKeep = 0,
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
        ? new Tensor('float16', float16Bits(values), dims)
        : new Tensor('float32', values, dims);
  }
  const logits: number[] = [];
  let seen = 0;
  for (const count of chunks) {
    const chunk = embeddings.subarray(seen * config.hiddenSize, (seen + count) * config.hiddenSize);
    const positions = BigInt64Array.from({ length: count }, (_, i) => BigInt(seen + i));
    const feeds: Record<string, Tensor> = {
      ...caches,
      inputs_embeds: new Tensor('float32', chunk, [1, count, config.hiddenSize]),
      attention_mask: new Tensor('int64', new BigInt64Array(seen + count).fill(1n), [
        1,
        seen + count,
      ]),
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
  const keys = caches[`past_key_values.${config.layers - 1}.key`]!;
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
    inputsEmbeds: ndarray(Float64Array.from(embeddings), [1, tokens, config.hiddenSize]),
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
const architectures = {
  LLaMA: {},
  'Qwen2 (biases)': { biases: true },
  'Qwen3 (query-key norm)': { queryKeyNorm: true },
  'Gemma (module norms, soft cap, local window)': gemma,
};

describe.each(Object.entries(architectures))('layouts of %s agree', (_, architecture) => {
  test.each(groupQueryLayouts)('group-query %j', async (layout) => {
    const base = { projections: 'split', architecture } as const;
    await expectSame(config, { ...layout, architecture }, base);
  });

  test.skipIf('softcap' in architecture).each(multiHeadLayouts)('%j', async (layout) => {
    const base = { projections: 'split', architecture } as const;
    await expectSame(equalHeads, { ...layout, architecture }, base);
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
