import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { modelDirectory } from '@transprune/embedded-model';
import { officialFile } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { encodeModel, relocateExternalData } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { fakeHub } from '../../testing/hub.js';
import { type DownloadProgress, downloadModel } from './download.js';
import { readModelFile } from './model-file.js';

const id = 'owner/name';

test('fetches a model once', async () => {
  const { host, requests } = await fakeHub(modelDirectory);
  const cacheFolder = await temporaryFolder();
  const progress: DownloadProgress[] = [];
  const options = {
    host,
    cacheFolder,
    token: 'secret',
    onProgress: (step: DownloadProgress) => progress.push(step),
  };
  const files = await downloadModel(id, options);
  expect(requests.every(({ token }) => token === 'Bearer secret')).toBe(true);
  const last = progress.findLast(({ file }) => file === 'onnx/vision_encoder.onnx');
  const { length } = await readFile(join(modelDirectory, 'onnx', 'vision_encoder.onnx'));
  expect(last).toEqual({ file: 'onnx/vision_encoder.onnx', loaded: length, total: length });

  const before = requests.length;
  const again = await downloadModel(id, options);
  expect(again.name).toBe(files.name);
  const asked = requests.slice(before).map(({ path }) => path);
  expect(asked).toEqual(['/owner/name/resolve/main/chat_template.jinja']);
});

test('fetches the weights that a graph keeps beside it', async () => {
  const graph = await readFile(officialFile('group-query-attention/model.onnx'));
  const data = await readFile(officialFile('group-query-attention/model.onnx.data'));
  const { host } = await fakeHub(modelDirectory, {
    'onnx/decoder_model_merged.onnx': graph,
    'onnx/model.onnx.data': data,
  });
  const files = await downloadModel(id, { host, cacheFolder: await temporaryFolder() });
  const opened = await nodeBackend.open(await files.graph('decoder_model_merged'), {
    device: 'cpu',
  });
  expect('unavailable' in opened).toBe(false);
  if (!('unavailable' in opened)) await opened.dispose();
});

test('refuses weights that lead out of the folder', async () => {
  const model = await readModelFile(officialFile('group-query-attention/model.onnx'));
  for (const location of ['../../escaped', '/etc/passwd', 'C:\\escaped']) {
    const graph = encodeModel(relocateExternalData(model, () => location));
    const { host } = await fakeHub(modelDirectory, { 'onnx/decoder_model_merged.onnx': graph });
    await expect(
      downloadModel(id, { host, cacheFolder: await temporaryFolder() }),
    ).rejects.toMatchObject({ code: 'INVALID_MODEL', data: { location } });
  }
});

test('names the file that is missing, forbidden or cut off', async () => {
  const attempts = [
    [404, 'NOT_FOUND', /expected config\.json in the model owner\/name, found none at http/],
    [401, 'NOT_FOUND', /config\.json to give out a file, got status 401; .* needs a token/],
    ['cut', 'WRITE_FAILED', /expected to store .*config\.json at .*; try again/],
  ] as const;
  for (const [answer, code, message] of attempts) {
    const { host } = await fakeHub(modelDirectory, { 'config.json': answer });
    const cacheFolder = await temporaryFolder();
    await expect(downloadModel(id, { host, cacheFolder })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    const left = await readdir(cacheFolder, { recursive: true });
    expect(left.filter((name) => name.includes('config'))).toEqual([]);
  }
});

test('says so where there is no server, and for what is no id', async () => {
  const cacheFolder = await temporaryFolder();
  await expect(
    downloadModel(id, { host: 'http://127.0.0.1:1', cacheFolder }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringMatching(/no connection/) });
  for (const wrong of ['../../etc', 'a/b/c', '', 'owner/..', 'https://host/x']) {
    await expect(downloadModel(wrong, { cacheFolder }), wrong).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  }
});
