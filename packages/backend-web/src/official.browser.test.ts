/**
 * The authors' answers in a browser, on WebGPU: decoders are pruned here, and run with every node where
 * onnxruntime puts it.
 */
import { createPlan } from '@transprune/core';
import {
  decoderSession,
  fetchBytes,
  fetchOfficialCase,
  fetchOfficialEmbeddings,
  maxDifference,
  type OfficialCaseName,
  officialImageMask,
  officialPlan,
  officialUrl,
} from '@transprune/fixtures/browser';
import { decodeModel, encodeModel, externalLocations, pruneModel } from '@transprune/onnx';
import { InferenceSession } from 'onnxruntime-web/webgpu';
import { afterAll, describe, expect, test } from 'vitest';
import { sharedGpu } from './gpu.js';

const families = ['group-query-attention', 'torchscript', 'dynamo-opset18'] as const;
const cases: readonly OfficialCaseName[] = ['high', 'low', 'late-image'];
const sizes = { layers: 14, kvHeads: 4, headDim: 16 };
const vocabulary = 128;
const hidden = 64;

// onnxruntime forgets its compiled shaders with the last session.
const sessions: InferenceSession[] = [];
afterAll(() => Promise.all(sessions.map((session) => session.release())));

describe.each(families)('exported as %s', async (family) => {
  const folder = `${family}/`;
  const original = decodeModel(await fetchBytes(officialUrl(`${folder}model.onnx`)));
  const externalData = await Promise.all(
    externalLocations(original).map(async (path) => ({
      path,
      data: await fetchBytes(officialUrl(folder + path)),
    })),
  );

  test.each(cases)('case %s', { timeout: 60_000 }, async (name) => {
    const official = await fetchOfficialCase(name);
    const imageMask = officialImageMask(official);
    const plan = createPlan(officialPlan(official));
    const { model } = pruneModel(original, plan, { trace: true, exactAngles: true });
    const gpu = await sharedGpu();
    if ('unavailable' in gpu) throw new Error(gpu.unavailable);
    const session = await InferenceSession.create(encodeModel(model), {
      executionProviders: [{ name: 'webgpu', ...(gpu.device && { device: gpu.device }) }],
      externalData,
      logSeverityLevel: 4,
    });
    sessions.push(session);
    const decoder = decoderSession(session, sizes);

    let step = await decoder.step(official.inputsEmbeds, imageMask);
    let before = imageMask.map((_, i) => i);
    for (const [index, stage] of official.stages.entries()) {
      const score = step.extra[`pruning.score.${index}`] ?? [];
      const ofImages = score.filter((_, i) => imageMask[before[i] ?? 0] === 1);
      expect(maxDifference(ofImages, stage.score)).toBeLessThan(1e-5);
      before = step.extra[`pruning.kept.${index}`] ?? [];
      expect(before.filter((i) => imageMask[i] === 1)).toEqual(stage.keptImageOriginal);
    }
    const last = step.logits.slice(-vocabulary);
    expect(maxDifference(last, official.prefillLastLogits)).toBeLessThan(1e-3);
    const embeddings = await fetchOfficialEmbeddings();
    for (const { token, logits } of official.decode) {
      step = await decoder.step(embeddings.slice(token * hidden, (token + 1) * hidden));
      expect(maxDifference(step.logits, logits)).toBeLessThan(1e-3);
    }
    expect(step.cacheLengths).toEqual(official.kvLengths);
  });
});
