import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory } from '@transprune/embedded-model';
import { loadVlm } from '@transprune/runtime';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary.js';
import { nodeBackend } from './backend.js';
import { modelFolder } from './model-folder.js';

test('gives texts and graphs by their paths', async () => {
  const files = await modelFolder(modelDirectory);
  expect(files.localOnly).toBe(true);
  expect(await files.readText('config.json')).toBe(
    await readFile(join(modelDirectory, 'config.json'), 'utf8'),
  );
  expect(await files.readText('none.json')).toBeUndefined();
  expect(await files.graph('vision_encoder')).toEqual({
    path: join(modelDirectory, 'onnx', 'vision_encoder.onnx'),
  });
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

test('each file that a model lacks is named', async () => {
  const names = [
    'config.json',
    'preprocessor_config.json',
    'processor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ];
  for (const missing of names) {
    const folder = await temporaryFolder();
    for (const name of names) {
      if (name === missing) continue;
      await writeFile(join(folder, name), await readFile(join(modelDirectory, name)));
    }
    const loading = loadVlm({ files: await modelFolder(folder), backend: nodeBackend });
    await expect(loading, missing).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(`expected ${missing} in ${folder}, found none`),
    });
  }
});

test('a graph that lacks is named, too', async () => {
  const folder = await temporaryFolder();
  const names = ['preprocessor_config', 'processor_config', 'tokenizer', 'tokenizer_config'];
  for (const name of [...names, 'config']) {
    const path = `${name}.json`;
    await writeFile(join(folder, path), await readFile(join(modelDirectory, path)));
  }
  const loading = loadVlm({ files: await modelFolder(folder), backend: nodeBackend });
  await expect(loading).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('vision_encoder.onnx'),
  });
});
