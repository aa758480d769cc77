/** Merged decoders: an `If` with the whole decoder in each branch. */
import { createPlan, positionModes } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { smallConfig as config, randomEmbeddings } from '../../testing/random-decoder.js';
import { type BuildOptions, buildDecoder } from '../builder/decoder.js';
import { namedRandomWeights } from '../builder/weights.js';
import { readDecoder } from '../decoder/read.js';
import { encodeModel } from '../model/codec.js';
import { pruneModel } from './prune.js';

const weights = namedRandomWeights(1);
const plain = buildDecoder(config, weights);
const merged = buildDecoder(config, weights, { mergedBranches: true });
const mask = Array.from({ length: 20 }, (_, i) => (i >= 3 && i < 15 ? 1 : 0));

test('a merged decoder is read through its branches', () => {
  expect(readDecoder(merged).layers).toHaveLength(config.layers);
  expect(readDecoder(merged)).toMatchObject({ vocabularySize: 32, intermediateSize: 40 });
});

test.each(positionModes)('both branches are pruned alike, positions %s', async (positions) => {
  const plan = createPlan({
    accumulateLayers: [1, 2, 3],
    stages: [
      { afterLayer: 2, keepRatio: 0.5 },
      { afterLayer: 4, keepRatio: 0.25 },
    ],
    positions,
  });
  const open = (model: typeof plain) =>
    openDecoder(encodeModel(pruneModel(model, plan, { trace: true }).model), config);
  const [expected, decoder] = [await open(plain), await open(merged)];
  const branch = (cached: boolean) => ({
    extra: { use_cache_branch: new Tensor('bool', Uint8Array.of(cached ? 1 : 0), [1]) },
  });
  const prompt = randomEmbeddings(config, mask.length, 3);
  const want = await expected.step(prompt, mask);
  const step = await decoder.step(prompt, mask, branch(false));
  expect(maxDifference(step.logits, want.logits)).toBeLessThan(1e-5);
  expect(step.extra).toEqual(want.extra);
  for (const seed of [4, 5]) {
    const token = randomEmbeddings(config, 1, seed);
    const [a, b] = [await decoder.step(token, [0], branch(true)), await expected.step(token)];
    expect(maxDifference(a.logits, b.logits)).toBeLessThan(1e-5);
    expect(a.cacheLengths).toEqual(b.cacheLengths);
  }
});

const layouts: readonly BuildOptions[] = [
  {},
  { rotary: 'separate' },
  { rotary: 'separate', projections: 'split' },
  { attention: 'multi-head' },
];
const precisions = ['float32', 'float16', 'int4-float16'] as const;

test.each(layouts.flatMap((layout) => precisions.map((precision) => ({ ...layout, precision }))))(
  'pruned for batches as one that is not merged: %j',
  async (layout) => {
    const sizes = layout.attention === 'multi-head' ? { ...config, kvHeads: config.heads } : config;
    const plan = createPlan({
      accumulateLayers: [1],
      stages: [{ afterLayer: 2, keepRatio: 0.5 }],
    });
    const open = (mergedBranches: boolean) =>
      openDecoder(
        encodeModel(
          pruneModel(buildDecoder(sizes, weights, { ...layout, mergedBranches }), plan, {
            batch: true,
            trace: true,
          }).model,
        ),
        sizes,
      );
    const [expected, decoder] = [await open(false), await open(true)];
    const prompt = randomEmbeddings(sizes, mask.length, 3);
    const [want, step] = [await expected.step(prompt, mask), await decoder.step(prompt, mask)];
    expect(step.extra['pruning.kept.0']).toEqual(want.extra['pruning.kept.0']);
    expect(maxDifference(step.logits, want.logits)).toBeLessThan(1e-5);
    const token = randomEmbeddings(sizes, 1, 4);
    const [a, b] = [await decoder.step(token), await expected.step(token)];
    expect(maxDifference(a.logits, b.logits)).toBeLessThan(1e-5);
  },
);
