import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { officialFile } from '@transprune/fixtures';
import { fakeHub } from '@transprune/fixtures/fake-hub';
import * as faults from '@transprune/fixtures/hub-faults';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { decodeModel, encodeModel, relocateExternalData } from '@transprune/onnx';
import { modelDirectory } from '@transprune/small-model';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { failure } from '../../../testing/failure.js';
import { quickPolicy } from '../../../testing/store.js';
import { graphNames, graphPath } from '../../files.js';
import { type DownloadOptions, downloadModel } from './download-model.js';
import type { ChosenFormats } from './formats.js';
import type { DownloadProgress } from './progress.js';

const id = 'owner/name';
const decoderPath = 'onnx/decoder_model_merged.onnx';
let small: Uint8Array;
let data: Uint8Array;

beforeAll(async () => {
  small = await readFile(officialFile('group-query-attention/model.onnx'));
  data = await readFile(officialFile('group-query-attention/model.onnx.data'));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** A small decoder with its weights in files of its own, in place of the folder's. */
const decoderFiles = () => ({ [decoderPath]: small, 'onnx/model.onnx.data': data });

async function optionsOn(host: string, changes: DownloadOptions = {}): Promise<DownloadOptions> {
  return { host, cacheFolder: await temporaryFolder(), policy: quickPolicy, ...changes };
}

async function opens(path: string): Promise<boolean> {
  const opened = await nodeBackend.open({ path }, { device: 'cpu' });
  if ('unavailable' in opened) return false;
  await opened.dispose();
  return true;
}

describe.each([
  ['a hub with a list', true],
  ['a static server', false],
])('%s', (_, api) => {
  test('a model is fetched once, its data too', async () => {
    const hub = await fakeHub(modelDirectory, { files: decoderFiles(), api, storage: api });
    const progress: DownloadProgress[] = [];
    const chosen: ChosenFormats[] = [];
    const options = await optionsOn(hub.host, {
      token: 'secret',
      onProgress: (step) => progress.push(step),
      onFormats: (formats) => chosen.push(formats),
    });
    const files = await downloadModel(id, options);
    const formats = { vision_encoder: 'fp32', embed_tokens: 'fp32', decoder_model_merged: 'fp32' };
    expect(chosen).toEqual([formats]);
    expect(files).toMatchObject({ formats, folder: files.name });
    expect(hub.requests.every(({ token }) => token === 'Bearer secret')).toBe(true);
    expect(hub.stored.every(({ token }) => token === undefined)).toBe(true);
    const last = progress.findLast(({ file }) => file === 'onnx/model.onnx.data');
    expect(last).toMatchObject({ loaded: data.length, total: data.length });
    const source = await files.graph('decoder_model_merged');
    expect('path' in source && (await opens(source.path))).toBe(true);

    const before = hub.requests.length;
    const again = await downloadModel(id, options);
    expect(again.folder).toBe(files.folder);
    expect(again.formats).toEqual(formats);
    expect(hub.requests.length).toBe(before);
  });

  test('takes the formats that there are, and says which', async () => {
    const vision = await readFile(join(modelDirectory, graphPath('vision_encoder')));
    const hub = await fakeHub(modelDirectory, {
      api,
      files: {
        [decoderPath]: null,
        'onnx/decoder_model_merged_q4f16.onnx': small,
        'onnx/decoder_model_merged_q4.onnx': small,
        'onnx/vision_encoder_q4f16.onnx': vision,
        'onnx/model.onnx.data': data,
      },
    });
    const common = { vision_encoder: 'fp32', embed_tokens: 'fp32' };
    const left = await downloadModel(id, await optionsOn(hub.host));
    expect(left.formats).toEqual({ ...common, decoder_model_merged: 'q4' });
    const given = await downloadModel(id, await optionsOn(hub.host, { format: 'q4f16' }));
    expect(given.formats).toEqual({
      ...{ vision_encoder: 'q4f16', embed_tokens: 'fp32' },
      decoder_model_merged: 'q4f16',
    });
    const one = { decoder_model_merged: 'q4f16' } as const;
    const partly = await downloadModel(id, await optionsOn(hub.host, { format: one }));
    expect(partly.formats).toEqual({ ...common, ...one });
    for (const format of ['fp16', { decoder_model_merged: 'fp32' }] as const) {
      const options = await optionsOn(hub.host, { format });
      expect(await failure(downloadModel(id, options))).toMatch(
        /^NOT_FOUND: expected onnx\/decoder_model_merged\S*\.onnx in the model owner\/name, found none/,
      );
    }
  });

  test('names what is missing', async () => {
    const hub = await fakeHub(modelDirectory, { api, files: { 'tokenizer.json': null } });
    expect(await failure(downloadModel(id, await optionsOn(hub.host)))).toMatch(
      /^NOT_FOUND: expected tokenizer\.json in the model owner\/name, found none at http/,
    );
    const noData = await fakeHub(modelDirectory, { api, files: { [decoderPath]: small } });
    expect(await failure(downloadModel(id, await optionsOn(noData.host)))).toMatch(
      /^NOT_FOUND: expected onnx\/model\.onnx\.data in the model/,
    );
  });

  test('does without what a model need not have', async () => {
    const files = {
      ...decoderFiles(),
      'preprocessor_config.json': null,
      'processor_config.json': null,
      'generation_config.json': null,
      'chat_template.jinja': '{{ messages }}',
    };
    const hub = await fakeHub(modelDirectory, { api, files });
    const model = await downloadModel(id, await optionsOn(hub.host));
    expect(await model.readText('chat_template.jinja')).toBe('{{ messages }}');
    expect(await model.readText('preprocessor_config.json')).toBeUndefined();
  });

  test('is asked for nothing of a complete model offline, and says what is not there', async () => {
    const hub = await fakeHub(modelDirectory, { api, files: decoderFiles() });
    const options = await optionsOn(hub.host);
    const offline = { ...options, offline: true };
    expect(await failure(downloadModel(id, offline))).toMatch(
      /^NOT_FOUND: .*nothing may be asked of the network .*fetch the model once with the network/,
    );
    expect(hub.requests).toEqual([]);
    const { folder } = await downloadModel(id, options);
    hub.requests.splice(0);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect((await downloadModel(id, options)).folder).toBe(folder);
    await rm(join(folder, 'onnx', 'model.onnx.data'));
    expect(await failure(downloadModel(id, options))).toMatch(/^NOT_FOUND/);
    expect(hub.requests).toEqual([]);
  });
});

test('several data files of a graph are fetched', async () => {
  let count = 0;
  const locations = ['decoder_model_merged.onnx_data', 'below/decoder_model_merged.onnx_data_1'];
  const graph = relocateExternalData(decodeModel(small), () => locations[count++ % 2] ?? '');
  const files = {
    [decoderPath]: encodeModel(graph),
    ...Object.fromEntries(locations.map((location) => [`onnx/${location}`, data])),
  };
  const hub = await fakeHub(modelDirectory, { files, storage: true });
  const model = await downloadModel(id, await optionsOn(hub.host));
  const source = await model.graph('decoder_model_merged');
  expect('path' in source && (await opens(source.path))).toBe(true);
});

test('weights that lead out of the folder are refused', async () => {
  for (const location of ['../../escaped', '/etc/passwd', 'C:\\escaped', 'a/..\\..\\b']) {
    const graph = encodeModel(relocateExternalData(decodeModel(small), () => location));
    const hub = await fakeHub(modelDirectory, { files: { [decoderPath]: graph } });
    const options = await optionsOn(hub.host);
    await expect(downloadModel(id, options)).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      data: { location },
    });
    expect(hub.requests.some(({ path }) => path.includes('escaped'))).toBe(false);
  }
});

test('a location that looks like an address is taken literally', async () => {
  const location = '%2e%2e/%2e%2e/config.json?x#y';
  const graph = encodeModel(relocateExternalData(decodeModel(small), () => location));
  const hub = await fakeHub(modelDirectory, { files: { [decoderPath]: graph } });
  expect(await failure(downloadModel(id, await optionsOn(hub.host)))).toMatch(
    /^NOT_FOUND: expected onnx\/%2e%2e\/%2e%2e\/config\.json\?x#y/,
  );
});

test('a file of the list that has changed is noticed', async () => {
  const hub = await fakeHub(modelDirectory, {
    api: true,
    files: decoderFiles(),
    answers: { 'onnx/model.onnx.data': faults.always(faults.damaged) },
  });
  const options = await optionsOn(hub.host);
  expect(await failure(downloadModel(id, options))).toMatch(/SHA-256 .* where the hub lists/);
  const names = await readdir(join(options.cacheFolder ?? '', id, 'main', 'onnx'));
  expect(names.sort()).toEqual([...graphNames].map((name) => `${name}.onnx`).sort());
});

test('a list that is no list, or never comes, is done without', async () => {
  const hub = await fakeHub(modelDirectory, { files: decoderFiles() });
  const lists = [
    (url: string) => new Response(url),
    () => new Response('<html></html>', { headers: { 'content-type': 'text/html' } }),
    () => Response.json({ error: 'no' }),
    () => Response.json({ siblings: [null, 3, { rfilename: 4 }] }, { status: 500 }),
    () => new Response(new ReadableStream({})),
  ];
  const { fetch } = globalThis;
  try {
    for (const list of lists) {
      globalThis.fetch = async (input, init) => {
        const url = String(input);
        return url.includes('/api/models/') ? list(url) : fetch(input, init);
      };
      const policy = { ...quickPolicy, idleTimeoutMs: 3000 };
      const model = await downloadModel(id, await optionsOn(hub.host, { policy }));
      expect(model.formats.decoder_model_merged).toBe('fp32');
    }
  } finally {
    globalThis.fetch = fetch;
  }
});

test('the environment names server and token', async () => {
  const hub = await fakeHub(modelDirectory, { files: decoderFiles(), storage: true });
  vi.stubEnv('HF_ENDPOINT', hub.host);
  vi.stubEnv('HF_TOKEN', 'secret');
  await downloadModel(id, { cacheFolder: await temporaryFolder(), policy: quickPolicy });
  expect(hub.requests.every(({ token }) => token === 'Bearer secret')).toBe(true);
  expect(hub.stored.every(({ token }) => token === undefined)).toBe(true);
});

test('a revision with slashes has a folder of its own; one that leads out is refused', async () => {
  const hub = await fakeHub(modelDirectory, { files: decoderFiles() });
  const options = await optionsOn(hub.host, { revision: 'refs%2Fpr%2F1' });
  const { folder } = await downloadModel(id, { ...options, revision: 'refs/pr/1' });
  expect(folder).toBe(join(options.cacheFolder ?? '', 'owner', 'name', 'refs%2Fpr%2F1'));
  for (const revision of ['..', '.', '../../x', '']) {
    expect(await failure(downloadModel(id, { ...options, revision }))).toMatch(
      /^INVALID_ARGUMENT: .*as the revision/,
    );
  }
  expect(await failure(downloadModel('../../etc', options))).toMatch(/^INVALID_ARGUMENT/);
  for (const host of ['localhost:8080', 'file:///models', '', 'no address']) {
    expect(await failure(downloadModel(id, { ...options, host }))).toMatch(
      /^INVALID_ARGUMENT: .*address of a server/,
    );
  }
});

test('many who ask for one model at once share it', async () => {
  const hub = await fakeHub(modelDirectory, { files: decoderFiles(), api: true });
  const options = await optionsOn(hub.host);
  const models = await Promise.all([1, 2, 3, 4].map(() => downloadModel(id, options)));
  expect(new Set(models.map(({ folder }) => folder)).size).toBe(1);
  const files = hub.requests.filter(({ path }) => !path.startsWith('/api/'));
  expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
});

test('an interruption ends a model', async () => {
  const interruption = new AbortController();
  const stop = () => interruption.abort(new Error('enough'));
  const hub = await fakeHub(modelDirectory, {
    answers: { 'onnx/vision_encoder.onnx': [stop] },
  });
  const options = await optionsOn(hub.host, { signal: interruption.signal });
  await expect(downloadModel(id, options)).rejects.toThrow('enough');
  await expect(downloadModel(id, options)).rejects.toThrow('enough');
});
