/** What a verification says; all exported decoders are verified in the files beside this one. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as backendNode from '@transprune/backend-node';
import * as core from '@transprune/core';
import * as embeddedModel from '@transprune/embedded-model';
import * as files from '@transprune/files/node';
import { caseFile, exportedDecoder, officialFile } from '@transprune/fixtures';
import { runExample } from '@transprune/fixtures/vitest';
import * as onnx from '@transprune/onnx';
import { describe, expect, test } from 'vitest';
import { createVerifier } from '../testing/verify.js';
import * as verification from './index.js';
import type { VerifyCheck } from './report.js';

const { createPlan, presetPlan, positionModes } = core;
const { verify, placeBeside } = createVerifier();
const named = (checks: readonly VerifyCheck[]) =>
  new Map(checks.map((check) => [check.name, check]));

/** How many checks there are: one more where attention is told lengths. */
const families = [
  ['group-query-attention', 13],
  ['torchscript', 12],
  ['dynamo-opset18', 12],
] as const;

describe.each(families)('official %s', (family, count) => {
  test.each(positionModes)('positions %s', async (positions) => {
    const plan = { ...presetPlan('transprune-high', 14).plan, positions };
    const { checks } = await verify(officialFile(`${family}/model.onnx`), plan, {
      options: { batch: true },
    });
    expect(checks.filter(({ passed, difference }) => !passed || difference === null)).toEqual([]);
    expect(checks).toHaveLength(count);
  });
});

test('as many tokens as hold a share of the score', async () => {
  const { plan } = presetPlan('transprune-high', 14);
  const { checks } = await verify(
    officialFile('dynamo-opset18/model.onnx'),
    { ...plan, keepMass: 0.6, keepFloor: 0.05 },
    { options: { batch: true } },
  );
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
});

test('layers of each stage alone', async () => {
  const { plan } = presetPlan('transprune-high', 14);
  const { checks } = await verify(
    officialFile('dynamo-opset18/model.onnx'),
    { ...plan, accumulation: 'per-stage' },
    { options: { batch: true } },
  );
  expect(checks.filter(({ passed }) => !passed)).toEqual([]);
});

test('a merged decoder, in both branches', async () => {
  const config = {
    ...{ layers: 6, hiddenSize: 24, heads: 6, kvHeads: 2, headDim: 16, intermediateSize: 40 },
    ...{ vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 128 },
    tiedEmbeddings: false,
  };
  const original = onnx.buildDecoder(config, onnx.namedRandomWeights(1), { mergedBranches: true });
  const { plan } = presetPlan('transprune-low', 6);
  const backend = backendNode.createNodeBackend({ threads: 1 });
  const steps: string[] = [];
  const onProgress = (step: string) => steps.push(step);
  const { passed, checks } = await verification.verifyPruned({
    original,
    plan,
    backend,
    onProgress,
  });
  expect(checks.filter((check) => !check.passed)).toEqual([]);
  expect(passed).toBe(true);
  expect(steps).toHaveLength(4);
});

const small = exportedDecoder('llama', 'dynamo-23').path;
const early = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.5 }] });

test('a quick check leaves out what takes other graphs and longer conversations', async () => {
  const steps: unknown[] = [];
  const onProgress = (...step: unknown[]) => steps.push(step);
  const options = { batch: true };
  const report = await verify(small, early, { quick: true, options, onProgress });
  expect(report).toMatchObject({ passed: true, quick: true });
  expect(report.checks.map(({ name }) => name)).toEqual([
    'all kept: the prompt',
    'all kept: decoding',
    'all kept: the prompt in two calls',
    "the score's attention is the layer's",
    'scores',
    'kept tokens',
    'the instruction and what it may see',
    'a prompt without image',
    'the written decoder is the one checked',
  ]);
  expect(steps.at(-1)).toEqual(['running the pruned decoder', 3, 4]);
  const nothing = { ...early, stages: [] };
  expect(await verify(small, nothing, { quick: true, onProgress })).toMatchObject({ passed: true });
  expect(steps.at(-1)).toEqual(['running the pruned decoder', 1, 2]);
});

test('a file that was pruned by another plan is not the one checked', async () => {
  const original = await files.readModelFile(small);
  const plan = { ...early, stages: [{ afterLayer: 2, keepRatio: 0.25 }] };
  const pruned = await placeBeside(small)(onnx.pruneModel(original, plan).model);
  const { passed, checks } = await verify(small, early, { pruned });
  expect(passed).toBe(false);
  expect(await verify(small, early, { pruned, quick: true })).toMatchObject({ passed: false });
  const by = named(checks);
  expect(by.get('all kept: decoding')?.passed).toBe(true);
  expect(by.get('a prompt without image')?.passed).toBe(true);
  expect(by.get('the written decoder is the one checked')).toMatchObject({
    passed: false,
    difference: null,
    note: expect.stringMatching(/^call 1: expected cache lengths .*, got /),
  });
  expect(by.get('decoding is a fresh prompt of the kept tokens')?.passed).toBe(false);
});

test('a file that is not pruned at all fails its checks, and says why', async () => {
  const pruned = { path: officialFile('torchscript/model.onnx') };
  const { passed, checks } = await verify(small, early, { pruned });
  expect(passed).toBe(false);
  expect(named(checks).get('a prompt without image')).toMatchObject({ passed: false });
});

test('what does not apply says so', async () => {
  const windowed = exportedDecoder('mistral-window', 'dynamo-23').path;
  const { checks } = await verify(windowed, { ...early, method: 'random' });
  expect(named(checks).get("the score's attention is the layer's")).toMatchObject({
    passed: true,
    difference: null,
    note: 'not applicable: random asks for no attention',
  });
  const multimodal = exportedDecoder('qwen2.5-vl', 'dynamo-23').path;
  const renumbering = { ...early, positions: 'renumber' } as const;
  const { checks: renumbered } = await verify(multimodal, renumbering);
  expect(named(renumbered).get('all kept: the prompt')).toMatchObject({
    passed: true,
    note: expect.stringContaining('images numbered like text'),
  });
  const { checks: kept } = await verify(multimodal, early);
  expect(named(kept).get('all kept: the prompt')).not.toHaveProperty('note');
  const nothing = createPlan({ stages: [] });
  expect((await verify(small, nothing)).checks.map(({ name }) => name)).toEqual([
    'a prompt without image',
  ]);
});

test('a method of its own, in which the last token asks, whatever is marked', async () => {
  const method = core.defineMethod({
    name: 'last-attention',
    summary: 'the attention of the last token',
    source: 'this test',
    needs: ['instructionAttention'],
    asks: 'last-token',
    score: (_, { instructionAttention }) => instructionAttention,
  });
  for (const options of [{}, { batch: true, instructionMask: true }]) {
    const { checks } = await verify(small, { ...early, method }, { options });
    expect(checks.filter(({ passed, difference }) => !passed || difference === null)).toEqual([]);
  }
});

describe('caches with room for more than they hold', () => {
  const grouped = caseFile('hybrid/lfm2-genai.onnx');
  const random = { ...early, method: 'random' } as const;
  const roomy = (checks: readonly VerifyCheck[]) =>
    checks.filter(({ name }) => name.startsWith('caches with room'));

  test.each([false, true])('a decoder that is pruned for them, quick %s', async (quick) => {
    const options = { cache: 'fixed' } as const;
    const { passed, checks } = await verify(grouped, random, { options, quick });
    expect(passed).toBe(true);
    expect(roomy(checks)).toEqual([
      { name: 'caches with room for more', passed: true, difference: 0, tolerance: 1e-3 },
      expect.objectContaining({ name: expect.stringContaining('in two calls'), passed: true }),
    ]);
  });

  test('one that is not, taken for one that is, and the other way round', async () => {
    const original = await files.readModelFile(grouped);
    const place = placeBeside(grouped);
    const growing = await place(onnx.pruneModel(original, random).model);
    const fixed = await place(onnx.pruneModel(original, random, { cache: 'fixed' }).model);
    const options = { cache: 'fixed' } as const;
    const { checks } = await verify(grouped, random, { options, quick: true, pruned: growing });
    expect(roomy(checks)).toMatchObject([
      { passed: false, note: expect.stringContaining('pruning.length.0') },
      { passed: false },
    ]);
    const others = await verify(grouped, random, { quick: true, pruned: fixed });
    expect(roomy(others.checks)).toMatchObject([
      { passed: false, note: expect.stringContaining('nothing tells it') },
    ]);
  });
});

test('weights in files ask for a place', async () => {
  const original = await files.readModelFile(small);
  const backend = backendNode.nodeBackend;
  await expect(verification.verifyPruned({ original, plan: early, backend })).rejects.toThrow(
    /pass place/,
  );
});

test('the example of the README prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    'node:path': path,
    '@transprune/backend-node': backendNode,
    '@transprune/core': core,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/files/node': files,
    '@transprune/verify': verification,
  });
  expect(printed).toBe(expected);
});

test('where the decoder itself overflows, text and counts are what can be compared', async () => {
  const config = {
    ...{ layers: 4, hiddenSize: 24, heads: 2, kvHeads: 2, headDim: 16, intermediateSize: 40 },
    ...{ vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 128 },
    tiedEmbeddings: false,
  };
  const weights = onnx.namedRandomWeights(1);
  const overflowing: onnx.WeightSource = {
    ...weights,
    linear(names, inFeatures, outFeatures) {
      const made = weights.linear(names, inFeatures, outFeatures);
      // What the first FFN writes has a length beyond float32; its norm brings it back.
      if (names.some((name) => name.includes('layers.0.mlp.down_proj'))) made[0] = -1e38;
      return made;
    },
  };
  const original = onnx.buildDecoder(config, overflowing);
  const { checks } = await verification.verifyPruned({
    original,
    plan: early,
    backend: backendNode.createNodeBackend({ threads: 1 }),
    quick: true,
  });
  const by = named(checks);
  expect(by.get('scores')?.note).toBe("not applicable: the decoder's own numbers overflow");
  expect(by.get('kept tokens')).toMatchObject({ passed: true, difference: 0 });
});
