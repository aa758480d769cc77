import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { modelFolder } from '@transprune/files/node';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { modelDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { createEngine } from '../create.js';

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
    const loading = createEngine({ files: await modelFolder(folder), backend: nodeBackend });
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
  const loading = createEngine({ files: await modelFolder(folder), backend: nodeBackend });
  await expect(loading).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('vision_encoder.onnx'),
  });
});
