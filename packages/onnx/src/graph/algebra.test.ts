import { create } from '@bufbuild/protobuf';
import {
  arrayAlgebra,
  attentionLogits,
  directions,
  instructionAttention,
  layerTransition,
  type NDArray,
  ndarray,
  rotate,
  splitHeads,
  type TensorAlgebra,
  uniformNoise,
} from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../model/codec.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
} from '../proto/onnx_pb.js';
import { onnxAlgebra } from './algebra.js';
import { createEmitter } from './emitter.js';
import { tensorInfo } from './value-info.js';

type Formula = <T>(algebra: TensorAlgebra<T>, inputs: readonly T[]) => T;

/** Evaluates a formula twice, on float64 arrays and as a graph in ONNX Runtime. */
async function readBoth(formula: Formula, inputs: readonly NDArray[], opset: number) {
  const emitter = createEmitter([], opset);
  const names = inputs.map((_, i) => `input_${i}`);
  const output = formula(onnxAlgebra(emitter), names);
  emitter.emit('Identity', [output], { outputs: ['output'] });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })],
    graph: create(GraphProtoSchema, {
      name: 'formula',
      node: emitter.nodes,
      initializer: emitter.initializers,
      input: inputs.map(({ shape }, i) =>
        tensorInfo(names[i]!, TensorProto_DataType.FLOAT, [...shape]),
      ),
      output: [tensorInfo('output', TensorProto_DataType.FLOAT)],
    }),
  });
  const session = await InferenceSession.create(encodeModel(model));
  const feeds = Object.fromEntries(
    inputs.map(({ data, shape }, i) => [
      names[i]!,
      new Tensor('float32', Float32Array.from(data), [...shape]),
    ]),
  );
  const graph = (await session.run(feeds)).output!;
  const reference = formula(arrayAlgebra, inputs);
  return { graph, reference };
}

const random = (seed: number, shape: readonly number[]): NDArray => {
  const count = shape.reduce((product, size) => product * size, 1);
  return ndarray(
    uniformNoise(seed, count).map((u) => 2 * u - 1),
    shape,
  );
};

describe.each([13, 17, 18, 21])('operator set %i', (opset) => {
  test.each(directions)('token transition, direction %s', async (direction) => {
    const inputs = [0, 1, 2, 3].map((seed) => random(seed, [1, 7, 12]));
    const { graph, reference } = await readBoth(
      (algebra, [a, b, c, d]) =>
        layerTransition(
          algebra,
          [
            { input: a!, output: b! },
            { input: c!, output: d! },
          ],
          { direction },
        ),
      inputs,
      opset,
    );
    expect(graph.dims).toEqual(reference.shape);
    expect(maxDifference(graph.data as Float32Array, reference.data)).toBeLessThan(1e-6);
  });

  test('instruction-guided attention with grouped heads', async () => {
    const shape = { heads: 6, kvHeads: 2, headDim: 4, scale: 0.5 };
    const inputs = [
      random(0, [1, 3, 24]),
      random(1, [1, 8, 8]),
      ...[2, 3].map((seed) => random(seed, [3, 2])),
      ...[4, 5].map((seed) => random(seed, [8, 2])),
      random(6, [3, 8]),
      random(7, [1, 1, 3, 1]),
    ];
    const { graph, reference } = await readBoth(
      (algebra, [queries, keys, cosQ, sinQ, cosK, sinK, bias, rowWeights]) => {
        const q = splitHeads(algebra, queries!, 6, 4);
        const k = splitHeads(algebra, keys!, 2, 4);
        const logits = attentionLogits(
          algebra,
          rotate(algebra, q, { cos: cosQ!, sin: sinQ! }, 4),
          rotate(algebra, k, { cos: cosK!, sin: sinK! }, 4),
          { ...shape, softcap: 2 },
        );
        return algebra.add(
          instructionAttention(algebra, { logits, bias: bias! }),
          instructionAttention(algebra, { logits, bias: bias!, rowWeights: rowWeights! }),
        );
      },
      inputs,
      opset,
    );
    expect(graph.dims).toEqual(reference.shape);
    expect(maxDifference(graph.data as Float32Array, reference.data)).toBeLessThan(1e-6);
  });

  test('every other operation', async () => {
    const { graph, reference } = await readBoth(
      (algebra, [x, y]) =>
        algebra.abs(
          algebra.negate(
            algebra.subtract(
              algebra.mean(algebra.concat([x!, y!], 0), [0], true),
              algebra.sum(algebra.slice(y!, -1, 1, 3), [1], true),
            ),
          ),
        ),
      [random(0, [2, 4]), random(1, [3, 4])],
      opset,
    );
    expect(graph.dims).toEqual(reference.shape);
    expect(maxDifference(graph.data as Float32Array, reference.data)).toBeLessThan(1e-6);
  });
});
