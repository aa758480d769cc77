/** Decoders that want more than the image mask, and layouts that transformers.js feeds positions. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { answer } from '../../testing/ask.js';
import { embeddedDecoder, numbersIn, prunedBytes, watchedBackend } from '../../testing/embedded.js';
import { describeLayouts } from '../../testing/layouts.js';
import { createEngine, type LocalEngine } from '../create.js';
import type { GenerateResult } from './collect.js';

const sample = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const ask = { question: 'describe the image', images: [sample(1)] };
const perImage = 144;
const stages = (...ratios: number[]) =>
  ratios.map((keepRatio, i) => ({ afterLayer: 2 + 2 * i, keepRatio }));
const plan = createPlan({ accumulateLayers: [2, 3, 4], stages: stages(0.5, 0.25) });

const backend = watchedBackend();
const original = embeddedDecoder();
let engine: LocalEngine;

beforeAll(async () => {
  engine = await createEngine({ files: await modelFolder(modelDirectory), backend });
});
afterAll(() => engine.dispose());
beforeEach(() => {
  backend.decoderFeeds.length = 0;
});

describeLayouts([
  ['merged branches, logits of the last token', { mergedBranches: true, numLogitsToKeep: true }],
]);

test('positions that are kept: what was counted anew before is another answer', async () => {
  const logits = [];
  for (const positions of ['renumber', 'keep'] as const) {
    const pruned = await engine.withDecoder(prunedBytes(original, { ...plan, positions }));
    logits.push((await answer(pruned, ask)).stages);
    await pruned.dispose();
  }
  expect(logits[0]?.[0]).toEqual(logits[1]?.[0]);
  expect(logits[0]?.[1]?.scores).not.toEqual(logits[1]?.[1]?.scores);
});

describe('keep ratios as an input', () => {
  const source = prunedBytes(original, plan, { runtimeRatios: true });
  const kept = ({ stages: found }: GenerateResult) =>
    found.map(({ keptImageTokens }) => keptImageTokens.length);

  test('each request has its own; the plan says what goes without', async () => {
    const pruned = await engine.withDecoder(source);
    expect(kept(await answer(pruned, ask))).toEqual([72, 36]);
    expect(kept(await answer(pruned, { ...ask, keepRatios: [0.75, 0.125] }))).toEqual([108, 18]);
    const whole = await answer(pruned, { ...ask, keepRatios: [1, 1] });
    expect(kept(whole)).toEqual([144, 144]);
    expect(whole.tokenIds).toEqual((await answer(engine, ask)).tokenIds);
    await pruned.dispose();
  });

  test('are those given with a decoder that is a file', async () => {
    const path = join(await temporaryFolder(), 'decoder.onnx');
    await writeFile(path, source.bytes);
    const bare = await engine.withDecoder({ path });
    await expect(answer(bare, ask)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /pass keepRatios with the request, or .*\{ path, keepRatios \}/,
      ),
    });
    expect(kept(await answer(bare, { ...ask, keepRatios: [0.5, 0.5] }))).toEqual([72, 72]);
    await bare.dispose();
    const known = await engine.withDecoder({ path, keepRatios: [0.25, 0.125] });
    expect(kept(await answer(known, ask))).toEqual([36, 18]);
    await known.dispose();
  });

  test('are checked', async () => {
    const pruned = await engine.withDecoder(source);
    for (const [keepRatios, message] of [
      [[0.5], /must be 2 numbers, .* got 1/],
      [[0.5, 0], /above 0 and at most 1, got 0/],
      [[0.5, 1.5], /got 1.5/],
      [[Number.NaN, 1], /got NaN/],
      [[0.5, 0.75], /must not rise/],
    ] as const) {
      const failure = answer(pruned, { ...ask, keepRatios });
      await expect(failure).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await expect(failure).rejects.toThrow(message);
    }
    await pruned.dispose();
    await expect(answer(engine, { ...ask, keepRatios: [1, 1] })).rejects.toThrow(
      /a decoder with the input keep_ratios .* prune it with runtimeRatios/,
    );
    await expect(engine.withDecoder({ ...source, keepRatios: [2, 1] })).rejects.toThrow(/got 2/);
  });
});

describe('two images in one prompt', () => {
  const images = [sample(1), sample(2)];

  test('are told apart, with and without text between them', async () => {
    const pruned = await engine.withDecoder(prunedBytes(original, { ...plan, perImage: true }));
    const between = [
      { type: 'image' },
      { type: 'text', text: 'describe the image' },
      { type: 'image' },
    ] as const;
    for (const request of [
      { question: ask.question, images },
      { prompt: '<image> and <image> describe the image answer:', images },
      { messages: [{ role: 'user', content: between }] as const, images },
    ]) {
      const { prompt, stages: found } = await answer(pruned, { ...request, maxNewTokens: 2 });
      expect(prompt.imageNumbers).toEqual([...Array(perImage).fill(1), ...Array(perImage).fill(2)]);
      for (const [stage, quota] of [72, 36].entries()) {
        const keptTokens = found[stage]?.keptImageTokens ?? [];
        const ofFirst = keptTokens.filter((index) => index < perImage);
        expect([ofFirst.length, keptTokens.length - ofFirst.length]).toEqual([quota, quota]);
      }
    }
    await pruned.dispose();
  });

  test('are ranked together without quotas', async () => {
    const pruned = await engine.withDecoder(prunedBytes(original, plan));
    const { stages: found } = await answer(pruned, { ...ask, images, maxNewTokens: 1 });
    expect(found[0]?.keptImageTokens).toHaveLength(144);
    expect(found[1]?.keptImageTokens).toHaveLength(72);
    await pruned.dispose();
  });
});

test('a decoder for batches, with masks beside its caches and an instruction mask', async () => {
  const simple = await engine.withDecoder(prunedBytes(original, plan));
  const expected = await answer(simple, ask);
  const options = { batch: true, instructionMask: true, runtimeRatios: true };
  const batched = await engine.withDecoder(prunedBytes(original, plan, options));
  backend.decoderFeeds.length = 0;
  const result = await answer(batched, ask);
  expect(result.tokenIds).toEqual(expected.tokenIds);
  expect(result.stages.map(({ kept }) => kept)).toEqual(expected.stages.map(({ kept }) => kept));
  expect(result.cache.atEnd.lengths).toEqual(expected.cache.atEnd.lengths);
  const [prefill, first] = backend.decoderFeeds;
  const left = result.prompt.textTokens + 36;
  expect(prefill?.['past_pruning.mask.1']?.dims).toEqual([1, 0]);
  expect(first?.['past_pruning.mask.1']?.dims).toEqual([1, left]);
  expect(new Set(numbersIn(prefill?.instruction_mask))).toEqual(new Set([0]));
  expect((await answer(batched, ask)).tokenIds).toEqual(expected.tokenIds);
  await batched.dispose();
  await simple.dispose();
});
