import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

describe('LLaVA-1.5-7B, as published', () => {
  test.each([
    ['transprune-high', [504, 360, 72], 1.56],
    ['transprune-low', [360, 108, 36], 1.19],
  ])('%s', async (preset, imageTokens, tflops) => {
    const document = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--preset', preset);
    expect(document).toMatchObject({
      model: 'llava-1.5-7b',
      layers: 32,
      preset,
      schedule: 'published',
      accumulateLayers: [7, 8, 9, 10, 11, 12],
      direction: '1-cos',
      imageTokens: 576,
      finalImageTokens: imageTokens.at(-1),
    });
    expect(document.stages.map((stage: { afterLayer: number }) => stage.afterLayer)).toEqual([
      7, 9, 12,
    ]);
    expect(document.stages.map((stage: { imageTokens: number }) => stage.imageTokens)).toEqual(
      imageTokens,
    );
    expect(document.published.baselineTflops).toBeCloseTo(3.82, 2);
    expect(document.published.prunedTflops).toBeCloseTo(tflops, 2);
    expect(document.full.baseline.prefill.total).toBeGreaterThan(
      document.full.pruned.prefill.total,
    );
  });

  test('nothing is pruned by none', async () => {
    const document = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--preset', 'none');
    expect(document).toMatchObject({ stages: [], finalImageTokens: 576 });
    expect(document.published.prunedTflops).toBe(document.published.baselineTflops);
    expect(document.full.flopsBoundSpeedup).toBe(1);
  });

  test('as a table', async () => {
    const { exitCode, stdout, stderr } = await transprune('plan', '--model', 'llava-1.5-7b');
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toMatch(/after layer 12 .* 0\.125 .* 72 /);
    expect(stdout).toMatch(/as published .* 3\.82 T .* 1\.56 T .* -59\.2 %/);
    expect(stderr).toBe('');
  });
});

test('stages can be named one by one', async () => {
  const stages = ['--prune-after', '7,9,12', '--keep', '.875,.625,.125'];
  const named = await transpruneJson('plan', '--model', 'llava-1.5-7b', ...stages);
  const preset = await transpruneJson('plan', '--model', 'llava-1.5-7b');
  expect(named).toEqual({ ...preset, preset: null, schedule: 'custom' });
  const direction = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--direction', '|cos|');
  expect(direction.direction).toBe('|cos|');
});

test('a scaled schedule is said to be one', async () => {
  const { stderr } = await transprune('plan', '--model', 'smolvlm-256m');
  expect(stderr).toContain("scaled to 30, which is this project's own choice");
  const document = await transpruneJson('plan', '--model', 'smolvlm-256m', '--quiet');
  expect(document.schedule).toBe('depth-scaled');
  expect((await transprune('plan', '--model', 'smolvlm-256m', '--quiet')).stderr).toBe('');
});

test('counts follow the tokens that are asked for', async () => {
  const plan = ['plan', '--model', 'llava-1.5-7b'];
  const document = await transpruneJson(...plan, '--image-tokens', '100', '--text-tokens', '10');
  expect(document).toMatchObject({ imageTokens: 100, textTokens: 10, finalImageTokens: 12 });
  expect(document.full.baseline.imageTokensPerLayer).toEqual(Array(32).fill(100));
});

describe('a config.json', () => {
  test('is a model too', async () => {
    const path = join(await temporaryFolder(), 'config.json');
    const config = {
      hidden_size: 64,
      num_attention_heads: 4,
      num_hidden_layers: 32,
      intermediate_size: 128,
      vocab_size: 100,
    };
    await writeFile(path, JSON.stringify(config));
    const document = await transpruneJson('plan', '--model', path);
    expect(document).toMatchObject({ model: path, layers: 32, finalImageTokens: 72 });
  });

  test.each([
    ['is missing', undefined, exitCodes.notFound, /there is no readable file/],
    ['is not JSON', '{', exitCodes.unsupportedModel, /not JSON/],
    ['lacks sizes', '{}', exitCodes.unsupportedModel, /hidden_size/],
  ])('%s', async (_, content, expected, message) => {
    const path = join(await temporaryFolder(), 'config.json');
    if (content !== undefined) await writeFile(path, content);
    const { exitCode, stdout, stderr } = await transprune('plan', '--model', path);
    expect(exitCode).toBe(expected);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});
