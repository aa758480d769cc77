import { fetchBytes, fetchOfficialCase, officialUrl } from '@transprune/fixtures/browser';
import {
  decoderFault,
  type HostTensor,
  type ModelSource,
  openOnnxRuntime,
  openSession,
  type Session,
} from '@transprune/session';
import { InferenceSession } from 'onnxruntime-web/webgpu';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { webBackend } from './backend.js';
import { openOn, webDevices } from './open.js';

const path = officialUrl('group-query-attention/model.onnx').href;
const source = { path, externalFiles: ['model.onnx.data'] };
const layers = 14;
const official = await fetchOfficialCase('high');

function feeds(tokens: number, total: number, caches?: object): Record<string, HostTensor> {
  const empty: HostTensor = { type: 'float32', dims: [1, 4, 0, 16], data: new Float32Array() };
  const none = Array.from({ length: layers }, (_, layer) => [
    [`past_key_values.${layer}.key`, empty],
    [`past_key_values.${layer}.value`, empty],
  ]).flat();
  const data = official.inputsEmbeds.slice(0, tokens * 64);
  return {
    ...(caches ?? Object.fromEntries(none)),
    inputs_embeds: { type: 'float32', dims: [1, tokens, 64], data },
    attention_mask: { type: 'int64', dims: [1, total], data: new BigInt64Array(total).fill(1n) },
  };
}

describe.each(webDevices)('a session on %s', (device) => {
  let session: Session;
  beforeAll(async () => {
    session = await openSession(webBackend, source, device);
  });
  afterAll(() => session.dispose());

  test('is of a model at an address, weights beside it', async () => {
    const tokens = official.sequenceLength;
    const outputs = await session.run(feeds(tokens, tokens), ['logits', 'present.0.key']);
    expect(Object.keys(outputs)).toEqual(['logits', 'present.0.key']);
    expect(outputs['present.0.key']?.dims).toEqual([1, 4, tokens, 16]);
    const logits = Array.from((await outputs.logits?.download())?.data ?? [], Number);
    expect(logits.slice(-128)).toBeAllclose(official.unprunedLastLogits, { atol: 1e-4 });
  });

  test('takes what it gave out for the next step', async () => {
    const first = await session.run(feeds(40, 40));
    const caches = Object.entries(first)
      .filter(([name]) => name !== 'logits')
      .map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]);
    const next = await session.run(feeds(1, 41, Object.fromEntries(caches)));
    expect(next['present.13.value']?.dims).toEqual([1, 4, 41, 16]);
  });

  test('describes itself, and says what it misses', async () => {
    expect(session.device).toBe(device);
    expect(session.inputs.find(({ name }) => name === 'attention_mask')).toEqual({
      name: 'attention_mask',
      type: 'int64',
      shape: ['batch_size', 'total_sequence_length'],
    });
    const { attention_mask, ...rest } = feeds(2, 2);
    await expect(session.run(rest)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'expected a tensor for attention_mask',
    });
    const wrong: HostTensor = { type: 'int64', dims: [2], data: new BigInt64Array(2) };
    await expect(session.run({ ...rest, attention_mask: wrong })).rejects.toMatchObject({
      code: 'RUN_FAILED',
      message: expect.stringMatching(/^the graph failed: .*attention_mask \[2\]/s),
    });
  });
});

test('caches stay on the card; what is asked for is brought', async () => {
  const session = await openSession(webBackend, source, 'webgpu');
  const bring = vi.spyOn(GPUBuffer.prototype, 'mapAsync');
  const outputs = await session.run(feeds(40, 40));
  expect(bring).not.toHaveBeenCalled();
  const logits = await outputs.logits?.download();
  expect(logits?.dims).toEqual([1, 40, 128]);
  expect(bring).toHaveBeenCalledTimes(1);
  for (const tensor of Object.values(outputs)) tensor.dispose();
  bring.mockRestore();
  await session.dispose();
});

test('auto takes the first device that works', async () => {
  const session = await openSession(webBackend, source, 'auto');
  expect(session.device).toBe('webgpu');
  await session.dispose();
});

// When this fails, onnxruntime's own choice of a device will do.
test('small subgroups are computed with wrongly, unless the device has none', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  expect(adapter?.info.subgroupMinSize).toBe(4);
  const openPlain = async (model: ModelSource) => {
    const bytes = 'bytes' in model ? model.bytes : new Uint8Array();
    const options = { executionProviders: ['webgpu'], logSeverityLevel: 4 } as const;
    return openOnnxRuntime({
      model,
      device: 'webgpu',
      servesAll: false,
      create: () => InferenceSession.create(bytes, options),
    });
  };
  const open = (model: ModelSource) => openOn('webgpu', model, {});
  const openReference = (model: ModelSource) => openOn('wasm', model, {});
  expect(await decoderFault(openPlain, openReference)).toMatch(/^it computes wrongly: .* by [01]/);
  expect(await decoderFault(open, openReference)).toBeUndefined();
});

describe('what cannot be opened', () => {
  /** Asserts code and message. */
  const refuses = (code: string, message: string | RegExp, model: ModelSource, device = 'wasm') =>
    expect(webBackend.open(model, { device })).rejects.toMatchObject({
      code,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });

  test('a device of another backend', async () => {
    const message = 'expected a device of webgpu, wasm or auto, got cuda';
    await refuses('INVALID_ARGUMENT', message, { path }, 'cuda');
  });

  test('a model that is not there', async () => {
    const found = /^expected a model at http.*none, found none/;
    await refuses('NOT_FOUND', found, { path: `${path}.none` });
    await refuses('NOT_FOUND', /network/, { path: 'http://127.0.0.1:9/model.onnx' });
  });

  test('one without its weights', async () => {
    const bytes = await fetchBytes(new URL(path));
    await refuses('NOT_FOUND', /^the weights of the model are missing: model\.onnx\.data;/, {
      bytes,
    });
    await refuses('NOT_FOUND', /^the weights of http.* are missing: model\.onnx\.data;/, { path });
  });

  test('one whose weights are not beside it', async () => {
    const real = globalThis.fetch;
    const withoutWeights = vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      const isWeights = String(input).endsWith('.data');
      return isWeights ? Promise.resolve(new Response(null, { status: 404 })) : real(input, init);
    });
    await refuses('NOT_FOUND', /are missing: http.*model\.onnx\.data;/, source);
    withoutWeights.mockRestore();
  });

  test('one that is none', async () => {
    await refuses('INVALID_MODEL', /./, { bytes: new TextEncoder().encode('no model') });
  });
});
