/** What a pruned decoder executes: decoding runs nothing of the score. */
import { join } from 'node:path';
import { presetPlan } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { encodeModel, type OnnxModel, pruneModel, readDecoder } from '@transprune/onnx';
import { decoderSession } from '@transprune/testing';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { embeddedDecoder } from '../testing/embedded.js';
import { vulkanDriver } from '../testing/webgpu.js';
import { type ProfiledRun, profiledRuns, readProfile } from './profile.js';

const decoder = embeddedDecoder();
const { layers, hiddenSize, attention } = readDecoder(decoder);
const sizes = { layers: layers.length, kvHeads: attention.kvHeads, headDim: attention.headDim };
const { plan } = presetPlan('transprune-high', layers.length);
const pruned = pruneModel(decoder, plan).model;

/** Short enough for SwiftShader's attention. */
const tokens = 24;
const imageMask = Array.from({ length: tokens }, (_, i) => (i >= 2 && i < 18 ? 1 : 0));
const embeddings = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => Math.sin(i * i));

/** A prefill and a decode step: what was executed, and the logits. */
async function profiled(model: OnnxModel, executionProvider: string) {
  const prefix = join(await temporaryFolder(), 'profile');
  const session = await InferenceSession.create(encodeModel(model), {
    executionProviders: [executionProvider],
    enableProfiling: true,
    profileFilePrefix: prefix,
    logSeverityLevel: 4,
  });
  const conversation = decoderSession(session, sizes);
  await conversation.step(embeddings, imageMask);
  const { logits } = await conversation.step(embeddings.subarray(0, hiddenSize));
  await session.release();
  const [prefill, step] = await readProfile(prefix);
  if (!prefill || !step) throw new Error('expected two runs in the profile');
  return { prefill, step, logits };
}

/** Kernels on a graphics card; the rest counts sizes and lengths on the CPU. */
const kernels = ({ nodesByProvider }: ProfiledRun) => nodesByProvider.WebGpuExecutionProvider ?? 0;

test('on the CPU a decode step of the embedded decoder runs a quarter more nodes at most', async () => {
  const [before, after] = [await profiled(decoder, 'cpu'), await profiled(pruned, 'cpu')];
  expect(before.step.nodes).toBe(128);
  expect(after.step.nodes).toBeLessThanOrEqual(170);
  expect(after.step.nodesByOperator.If).toBe(plan.stages.length);
  // Nothing of a score is among them.
  for (const operator of ['Softmax', 'ReduceL2', 'TopK', 'ArgMax']) {
    expect(after.step.nodesByOperator[operator]).toBe(undefined);
    expect(after.prefill.nodesByOperator[operator]).toBeGreaterThan(0);
  }
  expect(after.prefill.nodes).toBeLessThanOrEqual(430);
});

const driver = vulkanDriver() ?? '';

describe.skipIf(driver === '')('on WebGPU', () => {
  beforeAll(() => {
    vi.stubEnv('VK_ICD_FILENAMES', driver);
    vi.stubEnv('XDG_RUNTIME_DIR', process.env.XDG_RUNTIME_DIR ?? '/tmp');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  test('a decode step runs few kernels more, and nothing waits for the card', async () => {
    const [before, after] = [await profiled(decoder, 'webgpu'), await profiled(pruned, 'webgpu')];
    expect(kernels(before.step)).toBe(123);
    expect(kernels(after.step)).toBeLessThanOrEqual(160);
    expect(after.step.copiesToHost).toEqual([]);
    // In a prefill each stage hands back one number; no token's values leave the card.
    expect(after.prefill.copiesToHost).toEqual(plan.stages.map(() => [1, 1]));
    const cpu = await profiled(pruned, 'cpu');
    expect(maxDifference(after.logits, cpu.logits)).toBeLessThan(1e-3);
  }, 120_000);
});

test('a profile that is not written yet, or is one of several, is not guessed at', async () => {
  const folder = await temporaryFolder();
  await expect(readProfile(join(folder, 'profile'))).rejects.toThrow(
    /when the session is disposed/,
  );
});

test('nodes belong to the run that they ran in', () => {
  const event = (cat: string, name: string, ts: number, dur: number, args = {}) => ({
    ...{ cat, name, ts, dur, args },
  });
  const node = (name: string, ts: number, provider = 'CPUExecutionProvider') =>
    event('Node', `${name}_kernel_time`, ts, 1, { op_name: name, provider });
  const runs = profiledRuns(
    JSON.stringify([
      event('Session', 'session_initialization', 0, 5),
      event('Session', 'model_run', 20, 10),
      node('Add', 21),
      event('Session', 'model_run', 10, 5),
      node('If', 11),
      node('Identity', 12, 'WebGpuExecutionProvider'),
      event('Node', 'Identity_fence_before', 12, 0),
    ]),
  );
  expect(runs.map(({ nodes }) => nodes)).toEqual([2, 1]);
  expect(runs[0]).toMatchObject({
    nodesByProvider: { CPUExecutionProvider: 1, WebGpuExecutionProvider: 1 },
    nodesByOperator: { If: 1, Identity: 1 },
    milliseconds: 0.005,
  });
});
