import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reducedTokens } from '@transprune/core';
import { modelDirectory as embeddedModel } from '@transprune/embedded-model';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const image = join(samplesDirectory, 'scene-1.png');
const question = 'what color is the heart?';
const { image_seq_length: imageTokens } = JSON.parse(
  readFileSync(join(modelDirectory, 'config.json'), 'utf8'),
);
const plan = ['plan', '--model', 'llava-1.5-7b'];

test('a plan with fewer tokens before the decoder', async () => {
  const reducing = ['--reduce', 'vision-zip', '--reduce-to', '192'];
  const alone = await transpruneJson(...plan, ...reducing, '--preset', 'none');
  expect(alone).toMatchObject({
    imageTokens: 576,
    reduction: { method: 'vision-zip', tokens: 192, imageTokens: 192 },
    finalImageTokens: 192,
  });
  // 4nd^2 + 2n^2d + 3ndm at n = 192 in each of 32 layers.
  const [n, d, m] = [192, 4096, 11008];
  const tflops = (32 * (4 * n * d ** 2 + 2 * n ** 2 * d + 3 * n * d * m)) / 1e12;
  expect(alone.published.prunedTflops).toBeCloseTo(tflops, 6);
  const both = await transpruneJson(...plan, ...reducing);
  expect(both.stages.map((stage: { imageTokens: number }) => stage.imageTokens)).toEqual([
    168, 120, 24,
  ]);
  expect(both.published.prunedTflops).toBeLessThan(alone.published.prunedTflops);
  const { stdout } = await transprune(...plan, ...reducing);
  expect(stdout).toMatch(/before the decoder: vision-zip .* 192 /);
  expect(stdout).toMatch(/reducing image tokens/);
});

test('one option without the other, and a method that is none', async () => {
  const without = await transprune(...plan, '--reduce', 'div-prune');
  expect(without.exitCode).toBe(exitCodes.usage);
  expect(without.stderr).toContain('expected --reduce-to with --reduce, got none');
  const alone = await transprune('run', image, question, '--reduce-to', '4');
  expect(alone.exitCode).toBe(exitCodes.usage);
  expect(alone.stderr).toContain('expected --reduce with --reduce-to, got none');
  const unknown = await transprune(...plan, '--reduce', 'zip', '--reduce-to', '4');
  expect(unknown.exitCode).toBe(exitCodes.usage);
});

test('an answer with fewer tokens is compared with that of all tokens', async () => {
  const reduction = { method: 'downsample', tokens: 40 } as const;
  const options = ['--reduce', reduction.method, '--reduce-to', '40', '--preset', 'none'];
  const document = await transpruneJson(
    'run',
    image,
    question,
    ...options,
    '--compare',
    '--runs=1',
  );
  const { unpruned, pruned } = document;
  const left = reducedTokens(reduction, imageTokens);
  expect(document).toMatchObject({ imageTokens, reduction });
  expect(new Set(unpruned.imageTokensPerLayer)).toEqual(new Set([imageTokens]));
  expect(new Set(pruned.imageTokensPerLayer)).toEqual(new Set([left]));
  expect(pruned.publishedFlops).toBeLessThan(unpruned.publishedFlops);
  expect(pruned.kvCacheBytes).toBeLessThan(unpruned.kvCacheBytes);
  const single = await transpruneJson('run', image, question, ...options);
  expect(single.pruned.publishedFlops).toBe(pruned.publishedFlops);
});

test('held-out questions with fewer tokens, and a plan on top of it', async () => {
  const evaluate = ['evaluate', '--model', embeddedModel, '--scenes', '1'];
  evaluate.push('--reduce', 'div-prune', '--reduce-to', '60');
  const { results, reduction } = await transpruneJson(...evaluate, '--method', 'random');
  expect(Object.keys(results)).toEqual(['unpruned', 'div-prune to 60, transprune-high']);
  expect(reduction).toEqual({ method: 'div-prune', tokens: 60 });
  expect(results.unpruned.keptObjectPatches).toBe(1);
  expect(results['div-prune to 60, transprune-high'].keptObjectPatches).toBeNull();
});
