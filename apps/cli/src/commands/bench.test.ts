import { join } from 'node:path';
import { exportedDecoder, hubFolder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { mergedDecoder, officialDecoder } from '../../testing/models.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const small = ['--image-tokens', '40', '--text-tokens', '8', '--runs', '2', '--device', 'cpu'];

describe('a decoder with external weights', () => {
  test('as a document', async () => {
    const document = await transpruneJson('bench', '--model', officialDecoder, ...small);
    expect(document).toMatchObject({
      model: officialDecoder,
      synthetic: false,
      imageTokens: 40,
      textTokens: 8,
      device: 'cpu',
      runs: 2,
      sizes: { layers: 14, hiddenSize: 64, heads: 4 },
      stages: [{ imageTokens: 35 }, { imageTokens: 25 }, { imageTokens: 5 }],
    });
    const { baselineMs, oracleMs, prunedMs, decode, prefillTimes, decodeTimes } = document;
    for (const ms of [baselineMs, oracleMs, prunedMs, decode.baselineMs, decode.prunedMs]) {
      expect(ms).toBeGreaterThan(0);
    }
    expect(document.peakBytes.baseline).toBeGreaterThan(1e6);
    expect(document.peakBytes.pruned).toBeGreaterThan(1e6);
    const { baseline, pruned } = document.nodes;
    expect(pruned.step.nodes).toBeGreaterThan(baseline.step.nodes);
    expect(pruned.step.nodes).toBeLessThan(1.1 * baseline.step.nodes + 50);
    expect(pruned.step.byProvider.CPUExecutionProvider).toBe(pruned.step.nodes);
    expect(document.flopsBoundSpeedup).toBeGreaterThan(1);
    expect(document.speedup).toBeGreaterThan(0);
    expect(document.speedupRange[0]).toBeLessThanOrEqual(document.speedup);
    expect(document.speedupRange[1]).toBeGreaterThanOrEqual(document.speedup);
    expect(decode.ratio).toBeGreaterThan(0);
    expect(Number.isFinite(document.scoringOverhead)).toBe(true);
    expect(prefillTimes.pruned.values).toHaveLength(2);
    expect(prefillTimes.pruned.min).toBeLessThanOrEqual(prunedMs);
    expect(decodeTimes.baseline.values).toHaveLength(2 * decode.stepsPerRun);
  });

  test('as a table', async () => {
    const { stdout, stderr } = await transprune('bench', '--model', officialDecoder, ...small);
    expect(stdout).toMatch(/prefill, unpruned .* ms .* ms .* ms /);
    expect(stdout).toMatch(/decode step, pruned .* ms .* [\d.]+x /);
    expect(stdout).toMatch(/Scoring takes .* % of the unpruned prefill \(95 %: .* % to .* %\)\./);
    expect(stdout).toMatch(/A pruned decode step takes .* % of an unpruned one/);
    expect(stderr).toMatch(/^timing 2 rounds after 2 of warm-up$/m);
    expect(stderr).toMatch(/^round 2 of 4, .* s left$/m);
    expect(stdout).toMatch(/prefill, pruned .* ms .* [\d.]+x \(95 %: [\d.]+x to [\d.]+x\)/);
  });
});

test('multiply-adds of a decoder with states beside attention are not counted as if it had none', async () => {
  const hybrid = ['--model', join(hubFolder('lfm2_vl'), 'onnx/decoder_model_merged.onnx')];
  const { flopsBoundSpeedup } = await transpruneJson('bench', ...hybrid, ...small);
  expect(flopsBoundSpeedup).toBe(null);
});

describe('exported decoders', () => {
  test.each([
    ['llama', 'torchscript-17'],
    ['llama', 'dynamo-18-float16'],
    ['llama', 'dynamo-18-logits-to-keep'],
    ['qwen2.5-vl', 'dynamo-18'],
    ['gemma2', 'dynamo-23'],
  ] as const)('%s, %s', async (architecture, name) => {
    const { path } = exportedDecoder(architecture, name);
    const document = await transpruneJson('bench', '--model', path, ...small);
    expect(document).toMatchObject({ model: path, sizes: { layers: 6, hiddenSize: 32 } });
    expect(document.prefillTimes.oracle.values).toHaveLength(2);
    expect(document.decode.prunedMs).toBeGreaterThan(0);
  });

  test('with two branches', async () => {
    const path = await mergedDecoder(await temporaryFolder());
    const document = await transpruneJson('bench', '--model', path, ...small);
    expect(document.decode.prunedMs).toBeGreaterThan(0);
  });
});

test('a model is called as it was named', async () => {
  const folder = hubFolder('llava');
  const document = await transpruneJson('bench', '--model', folder, ...small);
  expect(document.model).toBe(folder);
});

test('more tokens than the decoder has positions for', async () => {
  const { exitCode, stderr } = await transprune('bench', '--image-tokens', '4000');
  expect(exitCode).toBe(exitCodes.usage);
  expect(stderr).toMatch(/expected at most 2048 tokens.* --decode-steps/);
});

test.each([
  [['--threads', '1000000'], /Expected a whole number from 1 to 1024/],
  [['--accumulate', '7-9'], /expected --prune-after and --keep with --accumulate/],
])('%j is refused before anything runs', async (options, words) => {
  const { exitCode, stderr } = await transprune('bench', ...options);
  expect(exitCode).toBe(exitCodes.usage);
  expect(stderr).toMatch(words);
});

test('a model that is not there', async () => {
  const { exitCode } = await transprune('bench', '--model', '/nowhere');
  expect(exitCode).toBe(exitCodes.notFound);
});
