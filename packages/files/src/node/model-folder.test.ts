import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { modelDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { modelFolder } from './model-folder.js';
import { openModel } from './open.js';

test('gives texts and graphs by their paths', async () => {
  const files = await modelFolder(modelDirectory);
  expect(await files.readText('config.json')).toBe(
    await readFile(join(modelDirectory, 'config.json'), 'utf8'),
  );
  expect(await files.readText('none.json')).toBeUndefined();
  expect(await files.graph('vision_encoder')).toEqual({
    path: join(modelDirectory, 'onnx', 'vision_encoder.onnx'),
  });
});

test.skipIf(process.platform === 'win32')('does not wait for what is no file', async () => {
  const folder = await temporaryFolder();
  execFileSync('mkfifo', [join(folder, 'config.json')]);
  await symlink('/dev/zero', join(folder, 'tokenizer.json'));
  const files = await modelFolder(folder);
  expect(await files.readText('config.json')).toBeUndefined();
  expect(await files.readText('tokenizer.json')).toBeUndefined();
});

test('must be a folder', async () => {
  await expect(modelFolder('/nowhere/at/all')).rejects.toThrow(
    'expected a model folder at /nowhere/at/all, got nothing; name the folder that holds config.json',
  );
  await expect(modelFolder(join(modelDirectory, 'config.json'))).rejects.toThrow('got a file');
});

test('knows formats by the endings of the files', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'onnx'));
  await writeFile(join(folder, 'onnx', 'decoder_model_merged_q4.onnx'), 'x');
  const quantized = await modelFolder(folder, { format: { decoder_model_merged: 'q4' } });
  expect(await quantized.graph('decoder_model_merged')).toEqual({
    path: join(folder, 'onnx', 'decoder_model_merged_q4.onnx'),
  });
  const full = await modelFolder(folder);
  await expect(full.graph('decoder_model_merged')).rejects.toThrow(
    /found only decoder_model_merged_q4\.onnx; choose the format/,
  );
  await expect(full.graph('vision_encoder')).rejects.toThrow(/vision_encoder\.onnx, got no such/);
});

test('as a model by description it is opened in the formats that are nearest', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'onnx'));
  for (const file of ['vision_encoder', 'embed_tokens_fp16', 'decoder_model_merged_q4']) {
    await writeFile(join(folder, 'onnx', `${file}.onnx`), 'x');
  }
  const told: unknown[] = [];
  const files = await openModel({ folder }, { onFormats: (formats) => told.push(formats) });
  expect(told).toEqual([
    { vision_encoder: 'fp32', embed_tokens: 'fp16', decoder_model_merged: 'q4' },
  ]);
  expect(await files.graph('decoder_model_merged')).toEqual({
    path: join(folder, 'onnx', 'decoder_model_merged_q4.onnx'),
  });
});
