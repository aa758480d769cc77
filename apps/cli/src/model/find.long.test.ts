/** All tiny models and all commands that take one of the hub; a sample of both is in the file beside this one. */
import { modelDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { checkRepository, pathsOf, useHub } from '../../testing/hub.js';
import { transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const model = ['--model', 'owner/name'];

test.each(['llava', 'qwen2_5_vl', 'paligemma'] as const)(
  'a repository of %s, with data files and no chat_template.jinja',
  checkRepository,
);

test.each([
  ['inspect', ['inspect', 'owner/name']],
  ['bench', ['bench', ...model, '--runs', '1', '--image-tokens', '32', '--text-tokens', '8']],
])('%s fetches the decoder alone', async (_, parameters) => {
  const hub = await useHub(modelDirectory);
  const { exitCode, stderr } = await transprune(...parameters);
  expect(stderr).toContain('owner/name: decoder fp32\n');
  expect(exitCode).toBe(exitCodes.ok);
  expect(pathsOf(hub.stored)).toEqual(['onnx/decoder_model_merged.onnx']);
});

test('evaluate asks a model of the hub', async () => {
  await useHub(modelDirectory);
  const plan = ['--prune-after', '3', '--keep', '.25'];
  const { results } = await transpruneJson('evaluate', ...model, '--scenes', '1', ...plan);
  expect(Object.keys(results)).toEqual(['unpruned', 'custom', 'custom, random']);
  expect(results.unpruned.keptObjectPatches).toBeNull();
});
