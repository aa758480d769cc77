import { cp, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hubFolder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { useHub, withDataFiles } from '../../testing/hub.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const llava = hubFolder('llava');
const plan = ['--prune-after', '2', '--keep', '.5'];
const folder = async () => join(await temporaryFolder(), 'exported');

test('triton: a repository, and a run that was recorded of it', async () => {
  const output = await folder();
  const { exitCode, stdout } = await transprune('export', 'triton', llava, '-o', output, ...plan);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('models/decoder_model_merged');
  expect(stdout).toContain('golden: describe the image. ');
  expect((await readdir(output)).sort()).toEqual(['golden', 'models']);
});

test('a budget, as with prune', async () => {
  const given = ['export', 'triton', llava, '-o', await folder(), ...plan];
  const { exitCode, stderr } = await transprune(...given, '--keep-average', '.1');
  expect(exitCode).toBe(exitCodes.usage);
  expect(stderr).toMatch(/prunes after layers 2 can reach .*\(--keep-average from 0\.\d+ to 1\)/);
  const { plan: fitted } = await transpruneJson(...given, '--keep-average', '.8');
  const [{ keepRatio }] = fitted.stages;
  expect(keepRatio).toBeGreaterThan(0.1);
  expect(keepRatio).not.toBe(0.5);
});

test('triton: a model of the hub, its weights in files of their own', async () => {
  const path = 'onnx/decoder_model_merged.onnx';
  const data = 'decoder_model_merged.onnx_data';
  const files = withDataFiles(await readFile(join(llava, path)), path, [data]);
  await useHub(llava, { files });
  const output = await folder();
  const parameters = ['export', 'triton', 'owner/name', '-o', output, ...plan, '--runtime-ratios'];
  const { golden, runtimeRatios } = await transpruneJson(...parameters);
  expect(runtimeRatios).toBe(true);
  expect(golden.tokenIds).toHaveLength(8);
  const decoder = join(output, 'models', 'decoder_model_merged', '1');
  expect((await readdir(decoder)).sort()).toEqual(['model.onnx', data].sort());
  expect((await stat(join(decoder, data))).nlink).toBeGreaterThan(1);
  const whole = await transpruneJson('export', 'triton', llava, '-o', await folder(), ...plan);
  expect(golden).toEqual(whole.golden);
});

test('kserve: the manifest lies beside the repository', async () => {
  const output = await folder();
  const uri = 'pvc://models/llava';
  const parameters = ['-o', output, ...plan, '--storage-uri', uri];
  const { beside } = await transpruneJson('export', 'kserve', llava, ...parameters);
  expect(beside).toEqual(['inference-service.yaml']);
  const manifest = await readFile(join(output, 'inference-service.yaml'), 'utf8');
  expect(manifest).toContain('name: llava\n');
  expect(manifest).toContain(`storageUri: ${uri}\n`);
  expect((await readdir(output)).sort()).toEqual(['golden', 'inference-service.yaml', 'models']);
});

test("the run that docs/server.md shows of Python's ONNX Runtime is the one that is recorded", async () => {
  const root = new URL('../../../../', import.meta.url);
  const guide = await readFile(new URL('docs/server.md', root), 'utf8');
  const [, line = '', shown = ''] =
    /^transprune (export triton packages[^\n]*)$.*?```text\n(.*?)```/ms.exec(guide) ?? [];
  const output = await folder();
  const words = line.split(' ').map((word) => (word === 'exported' ? output : word));
  const model = fileURLToPath(new URL(words[2] ?? '', root));
  const { golden } = await transpruneJson(...words.with(2, model));
  expect(shown).toContain(`${golden.question} ${golden.text}\n`);
  expect(shown).toContain(`tokens [${golden.tokenIds.join(', ')}]\n`);
  const { runs } = JSON.parse(await readFile(join(output, 'golden', 'golden.json'), 'utf8'));
  const sizes = Object.entries<number[]>(runs[2].caches);
  const lengths = sizes.flatMap(([name, dims]) => (name.endsWith('key') ? [dims[2]] : []));
  expect(shown).toContain(`after the prompt: [${lengths.join(', ')}]\n`);
});

test.each([
  [['kserve', llava], /expected --storage-uri with kserve, got none/],
  [['kserve', llava, '--storage-uri', 'models'], /expected an address with a scheme/],
  [['kserve', llava, '--storage-uri', 's3://a/b', '--name', 'A'], /expected a name of/],
  [['triton', llava, '--storage-uri', 's3://a/b'], /with kserve only/],
  [['triton', llava, '--question', ' '], /expected a question/],
  [['torchserve', llava], /Allowed choices are triton, kserve/],
])('%#: what is wrong is said before anything is done', async (parameters, message) => {
  const output = await folder();
  const { exitCode, stderr } = await transprune('export', ...parameters, '-o', output);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(message);
  await expect(stat(output)).rejects.toThrow('ENOENT');
});

test('a decoder that is pruned already is refused', async () => {
  const model = await temporaryFolder();
  await cp(llava, model, { recursive: true });
  const path = join(model, 'onnx', 'decoder_model_merged.onnx');
  await transprune('prune', path, '-o', `${path}.pruned`, ...plan);
  await rename(`${path}.pruned`, path);
  const { exitCode, stderr } = await transprune('export', 'triton', model, '-o', await folder());
  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/not pruned yet/);
});
