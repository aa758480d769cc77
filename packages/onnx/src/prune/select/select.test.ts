import { createPlan, keepRatiosInput, type PrunePlan } from '@transprune/core';
import { openDecoder } from '@transprune/testing';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { smallConfig as config, randomEmbeddings } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { encodeModel } from '../../model/codec.js';
import { type PruneOptions, pruneModel } from '../prune.js';

const decoder = buildDecoder(config, randomWeights(1));
const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 4, keepRatio: 0.125 },
];
const plan = createPlan({ accumulateLayers: [1, 2], stages });
const open = (plan: PrunePlan, options: PruneOptions = {}) =>
  openDecoder(encodeModel(pruneModel(decoder, plan, { trace: true, ...options }).model), config);

/** Two text tokens, image tokens of some spans, three text tokens. */
const prompt = (...spans: number[]) => [
  0,
  0,
  ...spans.flatMap((size, i) => new Array<number>(size).fill(i + 1)),
  0,
  0,
  0,
];
const keptOf = (extra: Record<string, unknown>, mask: readonly number[], stage: number) => {
  const kept = [...(extra[`pruning.kept.${stage}`] as Iterable<number>)].filter((i) => i >= 0);
  return { text: kept.filter((i) => mask[i] === 0), images: kept.filter((i) => mask[i] !== 0) };
};

describe('scores that are no numbers', () => {
  test.each<[string, number, PruneOptions]>([
    ['NaN in an image token', 5, {}],
    ['NaN in a text token', 1, {}],
    ['NaN in an image token of a batch', 5, { batch: true }],
  ])('%s: text stays, and as many image tokens as were asked for', async (_, token, options) => {
    const mask = prompt(16);
    const embeddings = randomEmbeddings(config, mask.length, 4);
    embeddings[token * config.hiddenSize] = Number.NaN;
    const pruned = await open(plan, options);
    const { extra } = await pruned.step(embeddings, mask);
    for (const [stage, count] of [8, 2].entries()) {
      const { text, images } = keptOf(extra, mask, stage);
      expect(text).toEqual([0, 1, 18, 19, 20]);
      expect(images).toHaveLength(count);
    }
  });
});

describe('one image token stays at least', () => {
  test.each([1, 2, 7, 8])('of %i', async (tokens) => {
    const mask = prompt(tokens);
    const pruned = await open(plan);
    const { extra } = await pruned.step(randomEmbeddings(config, mask.length, 4), mask);
    expect(keptOf(extra, mask, 0).images).toHaveLength(Math.max(1, Math.floor(tokens / 2)));
    expect(keptOf(extra, mask, 1).images).toHaveLength(1);
  });

  test('of a call of image tokens alone, on top of a cache', async () => {
    const pruned = await open(plan);
    await pruned.step(randomEmbeddings(config, 4, 4), [0, 0, 0, 0]);
    const mask = new Array<number>(7).fill(1);
    const { extra, logits } = await pruned.step(randomEmbeddings(config, 7, 5), mask);
    expect(keptOf(extra, mask, 1).images).toHaveLength(1);
    expect(logits).toHaveLength(config.vocabularySize);
  });

  test.each([{}, { batch: true }])('of each image with a quota: %o', async (options) => {
    const mask = prompt(3, 1, 16);
    const pruned = await open({ ...plan, perImage: true }, options);
    const { extra } = await pruned.step(randomEmbeddings(config, mask.length, 4), mask);
    const spans = keptOf(extra, mask, 1).images.map((i) => mask[i]);
    expect(spans).toEqual([1, 2, 3, 3]);
  });
});

test.each([
  [Number.NaN, 1],
  [-1, 1],
  [Number.NEGATIVE_INFINITY, 1],
  [0, 1],
  [0.25, 4],
  [7, 16],
  [1e30, 16],
  [Number.POSITIVE_INFINITY, 16],
])('a ratio of %d that is fed keeps of 16 image tokens %i', async (ratio, count) => {
  const mask = prompt(16);
  const pruned = await open(plan, { runtimeRatios: true });
  const extra = { [keepRatiosInput]: new Tensor('float32', Float32Array.of(1, ratio), [2]) };
  const step = await pruned.step(randomEmbeddings(config, mask.length, 4), mask, { extra });
  expect(keptOf(step.extra, mask, 0).images).toHaveLength(16);
  expect(keptOf(step.extra, mask, 1).images).toHaveLength(count);
  expect(keptOf(step.extra, mask, 1).text).toHaveLength(5);
});
