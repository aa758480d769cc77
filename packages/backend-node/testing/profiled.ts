/** The embedded decoder, unpruned and pruned, and what a session executes of it. */
import { join } from 'node:path';
import { presetPlan } from '@transprune/core';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { encodeModel, type OnnxModel, pruneModel, readDecoder } from '@transprune/onnx';
import { decoderSession } from '@transprune/testing';
import { InferenceSession } from 'onnxruntime-node';
import { readProfile } from '../src/profile.js';
import { embeddedDecoder } from './embedded.js';

export const decoder = embeddedDecoder();
const { layers, hiddenSize, attention } = readDecoder(decoder);
const sizes = { layers: layers.length, kvHeads: attention.kvHeads, headDim: attention.headDim };
export const { plan } = presetPlan('transprune-high', layers.length);
export const pruned = pruneModel(decoder, plan).model;

/** Short enough for SwiftShader's attention. */
const tokens = 24;
const imageMask = Array.from({ length: tokens }, (_, i) => (i >= 2 && i < 18 ? 1 : 0));
const embeddings = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => Math.sin(i * i));

/** A prefill and a decode step: what was executed, and the logits. */
export async function profiled(model: OnnxModel, executionProvider: string) {
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
