/**
 * The authors' answers in a browser, on WebGPU: decoders are pruned here, and run with every node where
 * onnxruntime puts it.
 */
import { createPlan } from '@transprune/core';
import {
  fetchBytes,
  fetchOfficialCase,
  fetchOfficialEmbeddings,
  type OfficialCaseName,
  officialPlan,
  officialUrl,
} from '@transprune/fixtures/browser';
import { decodeModel, encodeModel, externalLocations, pruneModel } from '@transprune/onnx';
import { decoderSession, officialDistance } from '@transprune/testing/browser';
import { InferenceSession } from 'onnxruntime-web/webgpu';
import { afterAll, describe, expect, test } from 'vitest';
import { sharedGpu } from './gpu.js';

const families = ['group-query-attention', 'torchscript', 'dynamo-opset18'] as const;
const cases: readonly OfficialCaseName[] = ['high', 'low', 'late-image'];
const sizes = { layers: 14, kvHeads: 4, headDim: 16 };

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

  test.each(cases)('case %s', async (name) => {
    const official = await fetchOfficialCase(name);
    const plan = createPlan(officialPlan(official));
    const { model } = pruneModel(original, plan, { trace: true, exactAngles: true });
    const gpu = await sharedGpu();
    if ('unavailable' in gpu) throw new Error(gpu.unavailable);
    const session = await InferenceSession.create(encodeModel(model), {
      executionProviders: [{ name: 'webgpu', ...gpu }],
      externalData,
      logSeverityLevel: 4,
    });
    sessions.push(session);
    const decoder = decoderSession(session, sizes);
    const found = await officialDistance(decoder, official, await fetchOfficialEmbeddings());
    expect(found.kept).toEqual(official.stages.map((stage) => stage.keptImageOriginal));
    expect(found.scores).toBeLessThan(1e-5);
    expect(found.prefill).toBeLessThan(1e-4);
    expect(found.decoding).toBeLessThan(1e-4);
    expect(found.cacheLengths).toEqual(official.kvLengths);
  });
});
