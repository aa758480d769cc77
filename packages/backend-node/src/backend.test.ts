import { copyFile, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { officialCase, officialFile } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';
import type { HostTensor, Session } from '@transprune/session';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, test, vi } from 'vitest';
import { createNodeBackend, nodeBackend } from './backend.js';
import { peakMemory } from './memory.js';
import { probeDevices } from './probe.js';

const decoderPath = officialFile('group-query-attention/model.onnx');
const dataPath = officialFile('group-query-attention/model.onnx.data');
const layers = 14;

async function open(...model: Parameters<typeof nodeBackend.open>): Promise<Session> {
  const opened = await nodeBackend.open(...model);
  if ('unavailable' in opened) throw new Error(opened.unavailable);
  return opened;
}

function prefillFeeds(tokens: number, embeddings: Float32Array): Record<string, HostTensor> {
  const empty: HostTensor = { type: 'float32', dims: [1, 4, 0, 16], data: new Float32Array(0) };
  const caches = Array.from({ length: layers }, (_, layer) => [
    [`past_key_values.${layer}.key`, empty],
    [`past_key_values.${layer}.value`, empty],
  ]).flat();
  return {
    ...Object.fromEntries(caches),
    inputs_embeds: { type: 'float32', dims: [1, tokens, 64], data: embeddings },
    attention_mask: {
      type: 'int64',
      dims: [1, tokens],
      data: new BigInt64Array(tokens).fill(1n),
    },
  };
}

/** The error's code and message, for one assertion on both. */
async function failure(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return TransPruneError.isInstance(error)
    ? `${error.code}: ${error.message}`
    : `not ours: ${error}`;
}

const working = (await probeDevices()).flatMap(({ device, ok }) => (ok ? [device] : []));

test('the memory of a run is its own, however much the process that asks for it holds', async () => {
  const held = Buffer.alloc(400 * 2 ** 20, 1);
  const feeds = prefillFeeds(40, officialCase('high').inputsEmbeds.slice(0, 40 * 64));
  const peak = await peakMemory(decoderPath, feeds, { device: 'cpu', threads: 1 });
  expect(peak).toBeGreaterThan(2 ** 20);
  expect(peak).toBeLessThan(held.length);
});

describe('a session', () => {
  test('frees what it gave out when that is disposed, unless somebody was given the elements', async () => {
    const session = await open({ path: decoderPath }, { device: 'cpu' });
    const names = ['present.0.key', 'present.0.value'];
    const { 'present.0.key': key, 'present.0.value': value } = await session.run(
      prefillFeeds(2, new Float32Array(128).fill(0.1)),
      names,
    );
    const [seen, kept] = [key?.elements?.data, (await value?.download())?.data];
    expect([seen?.length, kept?.length]).toEqual([128, 128]);
    key?.dispose();
    value?.dispose();
    expect([seen?.length, kept?.length]).toEqual([0, 128]);
    await session.dispose();
  });

  test('computes the same with threads that wait busily when idle', async () => {
    const feeds = prefillFeeds(2, new Float32Array(128).fill(0.1));
    const answers = [{}, { spinning: true }].map(async (options) => {
      const backend = createNodeBackend({ threads: 2, ...options });
      const session = await backend.open({ path: decoderPath }, { device: 'cpu' });
      if ('unavailable' in session) throw new Error(session.unavailable);
      const { logits } = await session.run(feeds, ['logits']);
      const found = await logits?.download();
      await session.dispose();
      return found;
    });
    const [expected, found] = await Promise.all(answers);
    expect(found?.data).toEqual(expected?.data);
  });

  test('threads sleep when idle, unless they are to wait busily', async () => {
    const create = vi.spyOn(InferenceSession, 'create');
    for (const spinning of [undefined, true]) {
      const backend = createNodeBackend(spinning === undefined ? {} : { spinning });
      const session = await backend.open({ path: decoderPath }, { device: 'cpu' });
      if ('unavailable' in session) throw new Error(session.unavailable);
      await session.dispose();
    }
    const extras = create.mock.calls.map(([, options]) => (options as { extra?: object }).extra);
    create.mockRestore();
    expect(extras).toEqual([{ session: { intra_op: { allow_spinning: '0' } } }, undefined]);
  });

  test.each(working)('runs a decoder on %s from its file, weights beside it', async (device) => {
    const official = officialCase('high');
    const session = await open({ path: decoderPath }, { device });
    const outputs = await session.run(
      prefillFeeds(official.sequenceLength, official.inputsEmbeds),
      ['logits', 'present.0.key'],
    );
    expect(Object.keys(outputs)).toEqual(['logits', 'present.0.key']);
    expect(outputs['present.0.key']?.dims).toEqual([1, 4, official.sequenceLength, 16]);
    const logits = await outputs.logits?.download();
    const last = Array.from(logits?.data.slice(-128) ?? [], Number);
    const atol = device === 'cpu' ? 1e-4 : 1e-2;
    expect(last).toBeAllclose(official.unprunedLastLogits, { atol });
    await session.dispose();
  });

  test('takes what it gave out for the next step', async () => {
    const official = officialCase('high');
    const session = await open({ path: decoderPath }, { device: 'auto' });
    const tokens = official.sequenceLength;
    const first = await session.run(prefillFeeds(tokens, official.inputsEmbeds));
    const caches = Object.entries(first)
      .filter(([name]) => name !== 'logits')
      .map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]);
    const next = await session.run({
      ...Object.fromEntries(caches),
      inputs_embeds: { type: 'float32', dims: [1, 1, 64], data: new Float32Array(64).fill(0.1) },
      attention_mask: {
        type: 'int64',
        dims: [1, tokens + 1],
        data: new BigInt64Array(tokens + 1).fill(1n),
      },
    });
    expect(next['present.13.value']?.dims).toEqual([1, 4, tokens + 1, 16]);
    await session.dispose();
  });

  test('describes inputs and outputs', async () => {
    const session = await open({ path: decoderPath }, { device: 'cpu' });
    expect(session.device).toBe('cpu');
    expect(session.inputs.find(({ name }) => name === 'attention_mask')).toEqual({
      name: 'attention_mask',
      type: 'int64',
      shape: ['batch_size', 'total_sequence_length'],
    });
    expect(session.outputs[0]).toMatchObject({ name: 'logits', type: 'float32' });
    await session.dispose();
  });

  test('runs from bytes with the contents of its data file', async () => {
    const bytes = await readFile(decoderPath);
    const externalData = { 'model.onnx.data': await readFile(dataPath) };
    const session = await open({ bytes, externalData }, { device: 'cpu' });
    expect(session.inputs).toHaveLength(2 + 2 * layers);
    await session.dispose();
  });

  test('says which tensors are missing, and what it was fed when it fails', async () => {
    const session = await open({ path: decoderPath }, { device: 'cpu' });
    const { attention_mask, ...rest } = prefillFeeds(2, new Float32Array(128));
    expect(await failure(session.run(rest))).toBe(
      'INVALID_ARGUMENT: expected a tensor for attention_mask',
    );
    const wrong = { type: 'int64', dims: [2], data: new BigInt64Array(2) } as const;
    expect(await failure(session.run({ ...rest, attention_mask: wrong }))).toMatch(
      /^RUN_FAILED: the graph failed: .*[Rr]ank.* \(it was fed .*attention_mask \[2\]/s,
    );
    const failed = session.run({ ...rest, attention_mask: wrong });
    await expect(failed).rejects.toMatchObject({
      message: expect.not.stringContaining('past_key_values.0.key ['),
      data: { shapes: { attention_mask: [2], 'past_key_values.0.key': expect.any(Array) } },
    });
    await session.dispose();
    expect(await failure(session.run(rest))).toMatch(/^INVALID_ARGUMENT: this session is disposed/);
    await session.dispose();
  });

  test('refuses a tensor of another backend', async () => {
    const session = await open({ path: decoderPath }, { device: 'cpu' });
    const foreign = {
      type: 'int64',
      dims: [1, 2],
      download: async () => ({ type: 'int64', dims: [1, 2], data: new BigInt64Array(2) }) as const,
      dispose() {},
    } as const;
    const feeds = { ...prefillFeeds(2, new Float32Array(128)), attention_mask: foreign };
    expect(await failure(session.run(feeds))).toMatch(/tensor for attention_mask is of another/);
    await session.dispose();
  });
});

describe('a device', () => {
  test('must be one of the list', async () => {
    expect(await failure(nodeBackend.open({ path: decoderPath }, { device: 'tpu' }))).toBe(
      'INVALID_ARGUMENT: expected a device of cuda, webgpu, dml, coreml, cpu or auto, got tpu',
    );
  });

  test.runIf(process.platform === 'linux')('is refused with the reason', async () => {
    for (const device of ['dml', 'coreml']) {
      const opened = await nodeBackend.open({ path: decoderPath }, { device });
      expect(opened).toEqual({
        unavailable: expect.stringMatching(
          /^onnxruntime-node \d+\.\d+\.\d+ for linux \S+ has no such execution provider, only .*cpu/,
        ),
      });
    }
  });
});

describe('a model at fault', () => {
  test('is not found', async () => {
    const missing = officialFile('nothing.onnx');
    expect(await failure(nodeBackend.open({ path: missing }, { device: 'auto' }))).toBe(
      `NOT_FOUND: expected a model at ${missing}, found none; check the path and the network`,
    );
  });

  test('is a folder', async () => {
    expect(await failure(nodeBackend.open({ path: officialFile('') }, { device: 'cpu' }))).toMatch(
      /^INVALID_MODEL: .* to be an ONNX file .*\(is a directory\)/,
    );
  });

  test('is cut off', async () => {
    const path = join(await temporaryFolder(), 'cut.onnx');
    await writeFile(path, (await readFile(decoderPath)).subarray(0, 3000));
    for (const device of ['cpu', 'auto']) {
      expect(await failure(nodeBackend.open({ path }, { device }))).toMatch(
        /^INVALID_MODEL: .*cut/,
      );
    }
  });

  test('is something else', async () => {
    const bytes = new TextEncoder().encode('<!doctype html><title>Not found</title>');
    expect(await failure(nodeBackend.open({ bytes }, { device: 'cpu' }))).toMatch(
      /^INVALID_MODEL: .*another format/,
    );
  });

  test('misses its data file', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'model.onnx');
    await copyFile(decoderPath, path);
    expect(await failure(nodeBackend.open({ path }, { device: 'cpu' }))).toContain(
      `NOT_FOUND: the weights of ${path} are missing: ${join(folder, 'model.onnx.data')}; keep`,
    );
    const bytes = await readFile(decoderPath);
    expect(await failure(nodeBackend.open({ bytes }, { device: 'cpu' }))).toMatch(
      /^NOT_FOUND: the weights of the model are missing: .*model\.onnx\.data; .* pass .*externalData$/,
    );
  });

  test('has a data file that is cut off', async () => {
    const folder = await temporaryFolder();
    await copyFile(decoderPath, join(folder, 'model.onnx'));
    await copyFile(dataPath, join(folder, 'model.onnx.data'));
    await truncate(join(folder, 'model.onnx.data'), 1000);
    expect(
      await failure(nodeBackend.open({ path: join(folder, 'model.onnx') }, { device: 'cpu' })),
    ).toMatch(/^INVALID_MODEL: .* a data file that is cut off \(file_length: 1000 /);
  });

  test('reaches out of its folder, which the runtime refuses', async () => {
    const folder = await temporaryFolder();
    await copyFile(decoderPath, join(folder, 'model.onnx'));
    await symlink(dataPath, join(folder, 'model.onnx.data'));
    expect(
      await failure(nodeBackend.open({ path: join(folder, 'model.onnx') }, { device: 'cpu' })),
    ).toMatch(/^UNSUPPORTED_MODEL: .*escapes model directory/);
  });

  test('has an operator that nobody knows', async () => {
    const model = smallDecoder();
    const node = model.graph?.node[0];
    if (node) node.opType = 'NoSuchOperator';
    expect(
      await failure(nodeBackend.open({ bytes: encodeModel(model) }, { device: 'cpu' })),
    ).toMatch(/^UNSUPPORTED_MODEL: .*NoSuchOperator/);
  });
});

test('options reach the session', async () => {
  const folder = await temporaryFolder();
  const backend = createNodeBackend({ threads: 1, profilePrefix: join(folder, 'profile') });
  const opened = await backend.open({ bytes: encodeModel(smallDecoder()) }, { device: 'cpu' });
  expect('unavailable' in opened).toBe(false);
  if (!('unavailable' in opened)) await opened.dispose();
});

function smallDecoder() {
  return buildDecoder(
    {
      layers: 1,
      hiddenSize: 32,
      heads: 2,
      kvHeads: 2,
      headDim: 16,
      intermediateSize: 32,
      vocabularySize: 8,
      rmsNormEpsilon: 1e-5,
      ropeTheta: 10000,
      maxPositions: 8,
      tiedEmbeddings: false,
    },
    randomWeights(1),
  );
}
