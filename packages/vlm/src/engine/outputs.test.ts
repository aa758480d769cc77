/** Further outputs of a decoder, such as what its scores are made of. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { createPlan } from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import { encodeModel, pruneModel } from '@transprune/onnx';
import type { HostTensor } from '@transprune/session';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { embeddedDecoder } from '../../testing/embedded.js';
import { createEngine } from '../create.js';

const plan = createPlan({
  accumulateLayers: [2],
  stages: [{ afterLayer: 2, keepRatio: 0.5 }],
});
const { model, report } = pruneModel(embeddedDecoder(), plan, { trace: true, taps: true });
const transition = report.taps[0]?.transition ?? '';
const request = {
  question: 'what color is the heart?',
  images: [join(samplesDirectory, 'scene-1.png')],
};

test('outputs that a request names come before the first token; other names are refused', async () => {
  const engine = await createEngine({
    files: await modelFolder(modelDirectory),
    backend: nodeBackend,
    decoder: { bytes: encodeModel(model) },
  });
  const types: string[] = [];
  let tensors: Readonly<Record<string, HostTensor>> = {};
  let promptTokens = 0;
  for await (const event of engine.generate({ ...request, outputs: [transition] })) {
    types.push(event.type);
    if (event.type === 'outputs') tensors = event.tensors;
    if (event.type === 'finish') promptTokens = event.usage.promptTokens;
  }
  expect(types.slice(0, 3)).toEqual(['stage', 'outputs', 'token']);
  expect(Object.keys(tensors)).toEqual([transition]);
  expect(tensors[transition]?.dims).toEqual([1, promptTokens]);
  expect([...(tensors[transition]?.data ?? [])].some((value) => Number(value) > 0)).toBe(true);

  const ask = (outputs: unknown) =>
    engine
      .generate({ ...request, outputs: outputs as string[] })
      [Symbol.asyncIterator]()
      .next();
  await expect(ask(['none'])).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/^outputs must be names of the decoder's outputs, got "none"/),
  });
  await expect(ask([1])).rejects.toThrow('outputs must be a list of names, got [1]');
  await engine.dispose();
});
