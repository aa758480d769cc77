import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { exportedDecoders } from '@transprune/fixtures';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { createEmitter } from '../graph/emitter.js';
import { allNodes } from '../graph/subgraphs.js';
import { tensorInfo } from '../graph/value-info.js';
import { decodeModel, encodeModel, type OnnxModel } from '../model/codec.js';
import { GraphProtoSchema, ModelProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';
import { pruneModel } from '../prune/prune.js';
import { exactAngles } from './exact-angles.js';

const { FLOAT, FLOAT16 } = TensorProto_DataType;

/** A model of a cosine and a sine of its input. */
function angular(type: TensorProto_DataType) {
  const emitter = createEmitter(['angle'], 17);
  emitter.emit('Cos', ['angle'], { outputs: ['cosine'] });
  emitter.emit('Sin', ['angle'], { outputs: ['sine'] });
  const graph = create(GraphProtoSchema, {
    name: 'angles',
    node: emitter.nodes,
    input: [tensorInfo('angle', type, ['angles'])],
    output: ['cosine', 'sine'].map((name) => tensorInfo(name, type, ['angles'])),
  });
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph,
  });
}

/** Those inside branches too. */
const operators = (model: OnnxModel) => allNodes(model.graph!).map(({ opType }) => opType);

test('sums and products give cosine and sine, to float32’s rounding', async () => {
  const original = angular(FLOAT);
  const { model, report } = exactAngles(original);
  expect(report).toEqual({ replaced: 2 });
  expect(operators(model)).not.toContain('Cos');
  expect(operators(original)).toEqual(['Cos', 'Sin']);
  const session = await InferenceSession.create(encodeModel(model));
  const inTurns = Array.from({ length: 4000 }, (_, i) => ((i - 2000) * Math.PI) / 8);
  const positions = Array.from({ length: 100_000 }, (_, i) => i);
  const angles = Float32Array.from([...inTurns, ...positions]);
  const { cosine, sine } = await session.run({ angle: new Tensor('float32', angles) });
  const largest = (actual: Tensor | undefined, exact: (x: number) => number) =>
    (actual!.data as Float32Array).reduce(
      (worst, value, i) => Math.max(worst, Math.abs(value - exact(angles[i]!))),
      0,
    );
  expect(largest(cosine, Math.cos)).toBeLessThan(4e-7);
  expect(largest(sine, Math.sin)).toBeLessThan(4e-7);
});

test('other element types are refused', () => {
  expect(() => exactAngles(angular(FLOAT16))).toThrow(
    /angles: expected float32, found element type 10 of ONNX at Cos node/,
  );
});

test('no decoder of the real exporters keeps a cosine or a sine', () => {
  const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.5 }] });
  for (const { path } of exportedDecoders) {
    const model = decodeModel(readFileSync(path));
    const pruned = pruneModel(model, plan, { exactAngles: true }).model;
    expect(operators(pruned).filter((name) => name === 'Cos' || name === 'Sin')).toEqual([]);
  }
});
