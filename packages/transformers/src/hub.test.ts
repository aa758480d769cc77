/** Models of a hub: what the library does with one (revisions, its cache, progress) goes on through a pruned class. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { env, type ProgressInfo } from '@huggingface/transformers';
import { type HubCase, hubFolder } from '@transprune/fixtures';
import { type Answer, fakeHub } from '@transprune/fixtures/fake-hub';
import * as faults from '@transprune/fixtures/hub-faults';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { pruned, withPruning } from '@transprune/transformers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useOwnCache } from '../testing/cache.js';
import { Class, casesWith, generate, inputsOf, plan } from '../testing/hub.js';

useOwnCache();

const decoder = 'onnx/decoder_model_merged.onnx';
const load = { dtype: 'fp32' } as const;
const [each = {} as HubCase] = casesWith('llava', 1);
const { remoteHost, cacheDir, allowLocalModels, allowRemoteModels } = env;

beforeEach(async () => {
  await inputs;
  env.cacheDir = await temporaryFolder();
  env.allowLocalModels = false;
});
afterEach(() => {
  Object.assign(env, { remoteHost, cacheDir, allowLocalModels, allowRemoteModels });
});

/** A hub with the model, from which the library loads from now on. */
async function hub(answer?: Answer) {
  const answers = answer && { [decoder]: [answer] };
  const { host, requests } = await fakeHub(hubFolder('llava'), { ...(answers && { answers }) });
  env.remoteHost = host;
  return requests;
}

/** The answer to a prompt, made ready before there is a hub. */
const inputs = inputsOf(each);
const answerOf = async (model: Parameters<typeof generate>[0]) => {
  const { rows } = await generate(model, await inputs);
  await model.dispose();
  return rows[0];
};

test('is loaded at its revision, with progress, and again from the cache without a connection', async () => {
  const addresses: (string | undefined)[] = [];
  const requests = await hub(({ request, serve }) => {
    addresses.push(request.url);
    serve();
  });
  const events: ProgressInfo[] = [];
  const options = {
    ...load,
    revision: 'v2',
    progress_callback: (event: ProgressInfo) => events.push(event),
  };
  const model = await pruned(Class, { plan }).from_pretrained('owner/name', options);
  expect(addresses).toEqual([`/owner/name/resolve/v2/${decoder}`]);
  const { length } = await readFile(join(hubFolder('llava'), decoder));
  const ofDecoder = events.filter((event) => 'file' in event && event.file === decoder);
  expect(ofDecoder.map(({ status }) => status)).toEqual(
    expect.arrayContaining(['initiate', 'download', 'progress', 'done']),
  );
  expect(ofDecoder.findLast(({ status }) => status === 'progress')).toMatchObject({
    progress: 100,
    total: length,
  });
  const first = await answerOf(model);
  const kept = await readdir(join(process.env.TRANSPRUNE_CACHE ?? '', 'rewritten'));
  const asked = requests.length;

  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  env.remoteHost = 'http://127.0.0.1:9';
  const again = await pruned(Class, { plan }).from_pretrained('owner/name', options);
  expect(await answerOf(again)).toEqual(first);
  const later = await withPruning(await Class.from_pretrained('owner/name', options), {
    ...{ from: 'owner/name', revision: 'v2', plan },
  });
  expect(await answerOf(later)).toEqual(first);
  expect(requests).toHaveLength(asked);
  expect(await readdir(join(process.env.TRANSPRUNE_CACHE ?? '', 'rewritten'))).toEqual(kept);
});

test('a page in place of the decoder is no model, and the error says where it lies', async () => {
  await hub(faults.page());
  const loading = () => pruned(Class, { plan }).from_pretrained('owner/name', load);
  // The library keeps what it was sent.
  const path = join(env.cacheDir ?? '', 'owner', 'name', decoder);
  for (const _ of ['from the hub', 'from the cache']) {
    await expect(loading()).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      message: expect.stringMatching(/got a web page.*delete it/),
      data: { path },
    });
  }
  await rm(path);
  expect(await answerOf(await loading())).toHaveLength(12);
});

test('a decoder that is missing is missed by the library, and nothing of ours is kept', async () => {
  const before = await readdir(process.env.TRANSPRUNE_CACHE ?? '');
  await hub(faults.status(404));
  const loading = pruned(Class, { plan }).from_pretrained('owner/name', load);
  await expect(loading).rejects.toThrow(/Could not locate file.*decoder_model_merged/);
  expect(await readdir(process.env.TRANSPRUNE_CACHE ?? '')).toEqual(before);
});
