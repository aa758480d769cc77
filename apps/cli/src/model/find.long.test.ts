/** All tiny models and all commands that take one of the hub; a sample of both is in the file beside this one. */
import { join } from 'node:path';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { checkRepository, pathsOf, useHub } from '../../testing/hub.js';
import { piped, transprune, transpruneJson, transpruneWith } from '../../testing/program.js';
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

test('chat talks to a model of the hub, and again without a network', async () => {
  const hub = await useHub(modelDirectory);
  const image = join(samplesDirectory, 'scene-1.png');
  const chat = (...parameters: string[]) =>
    transpruneWith(
      { stdin: piped('what color is the heart?\n') },
      ...['chat', image, ...model, ...parameters],
    );
  const first = await chat();
  expect(first).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
  expect(first.stderr).toContain('fetched owner/name\n');
  const asked = hub.requests.length;
  expect(await chat('--offline')).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
  expect(hub.requests.length).toBe(asked);
});
