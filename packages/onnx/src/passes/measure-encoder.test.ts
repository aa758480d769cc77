import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { arrayAlgebra, reductionMethod, uniformNoise } from '@transprune/core';
import { type HubModel, hubFolder } from '@transprune/fixtures';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../model/codec.js';
import { measureEncoder } from './measure-encoder.js';

const visionZip = reductionMethod({ method: 'vision-zip', tokens: 1 });
const divPrune = reductionMethod({ method: 'div-prune', tokens: 1 });

const encoder = (model: HubModel, format = '') =>
  decodeModel(readFileSync(join(hubFolder(model), 'onnx', `vision_encoder${format}.onnx`)));

/** Pixels along a side of its pictures. */
function sideOf(model: HubModel): number {
  const config = JSON.parse(readFileSync(join(hubFolder(model), 'config.json'), 'utf8'));
  return config.vision_config.image_size;
}

/** Outputs of an encoder for a picture of noise; of float16 ones as they are. */
async function run(model: ReturnType<typeof encoder>, side: number) {
  const session = await InferenceSession.create(encodeModel(model));
  const pixels = uniformNoise(3, 3 * side ** 2);
  return session.run({ pixel_values: new Tensor('float32', pixels, [1, 3, side, side]) });
}

const array = (tensor: Tensor | undefined) => ({
  shape: [...tensor!.dims],
  data: Float64Array.from(tensor!.data as Float32Array),
});

describe.each([
  ['llava', 1],
  ['paligemma', 0],
] as const)('%s', (name, classTokens) => {
  const side = sideOf(name);

  test('tells attention and keys of its last layer', async () => {
    const original = encoder(name);
    const { model, report } = measureEncoder(original, visionZip);
    expect(report.outputs).toHaveLength(3);
    expect(original.graph?.output).toHaveLength(1);
    const { image_features: features, ...measures } = await run(model, side);
    const [first, all, similarity] = report.outputs.map((output) => array(measures[output]));
    const tokens = features!.dims[1]! + classTokens;
    for (const attention of [first, all]) {
      expect(attention?.shape).toEqual([1, tokens]);
      const sum = attention!.data.reduce((total, value) => total + value, 0);
      expect(sum).toBeCloseTo(1, 4);
    }
    expect(similarity?.shape).toEqual([1, tokens, tokens]);
    for (let token = 0; token < tokens; token++) {
      expect(similarity?.data[token * tokens + token]).toBeCloseTo(1, 4);
    }
  });

  test('measures its features as the reference does', async () => {
    const { model, report } = measureEncoder(encoder(name), divPrune);
    const outputs = await run(model, side);
    const features = array(outputs.image_features);
    const unused = { attention: features, keys: features };
    const [expected] = divPrune.measures(arrayAlgebra, { ...unused, features });
    expect(array(outputs[report.outputs[0]!])).toBeAllclose(expected!, { rtol: 1e-4, atol: 1e-5 });
  });
});

test('an encoder of float16 measures in float32', async () => {
  const { model, report } = measureEncoder(encoder('llava', '_fp16'), visionZip);
  const outputs = await run(model, sideOf('llava'));
  expect(outputs[report.outputs[0]!]?.type).toBe('float32');
});

test('attention that no feature depends on does not count', async () => {
  const model = encoder('llava');
  const [features] = model.graph!.output;
  const attends = model.graph!.node.filter(({ opType }) => opType === 'Softmax');
  // Features as they are before the last attention, which runs for nothing then.
  features!.name = model.graph!.node.find(({ output }) =>
    output[0]?.endsWith('layers.0/Add_1_output_0'),
  )!.output[0]!;
  const { model: measured, report } = measureEncoder(model, visionZip);
  const used = measured.graph!.node.flatMap(({ input, output }) =>
    output.some((name) => name.startsWith('reduction/')) ? input : [],
  );
  expect(attends).toHaveLength(2);
  expect(used).toContain(attends[0]!.output[0]);
  expect(used).not.toContain(attends[1]!.output[0]);
  expect(report.outputs).toHaveLength(3);
});

test('attention that is one operator is refused', () => {
  const model = encoder('llava');
  for (const node of model.graph?.node ?? []) if (node.opType === 'Softmax') node.opType = 'Other';
  expect(() => measureEncoder(model, visionZip)).toThrow(
    'vision encoder: expected attention in plain operators (MatMul, Softmax, MatMul), found none',
  );
});
