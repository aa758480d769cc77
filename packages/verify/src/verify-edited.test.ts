/** Decoders of the builder with something that no fixture has, verified. */
import { createNodeBackend } from '@transprune/backend-node';
import { positionModes } from '@transprune/core';
import {
  buildDecoder,
  namedRandomWeights,
  type OnnxModel,
  TensorProto_DataType,
} from '@transprune/onnx';
import { verifyPruned } from '@transprune/verify';
import { expect, test } from 'vitest';
import { threePrunes as plan } from '../testing/verify.js';

const config = {
  ...{ layers: 6, hiddenSize: 24, heads: 6, kvHeads: 2, headDim: 16, intermediateSize: 40 },
  ...{ vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 128 },
  tiedEmbeddings: false,
};

/** A decoder whose nodes can be changed. */
function edited(change: (graph: NonNullable<OnnxModel['graph']>) => void): OnnxModel {
  const model = buildDecoder(config, namedRandomWeights(1), { projections: 'split' });
  change(model.graph!);
  return model;
}

const attentions = (graph: NonNullable<OnnxModel['graph']>) =>
  graph.node.filter(({ opType }) => opType === 'GroupQueryAttention');

/** A decoder whose FFNs are mixtures of experts. */
function experts(precision: 'float32' | 'int4'): OnnxModel {
  const sizes = { ...config, hiddenSize: 32, intermediateSize: 32 };
  const architecture = { experts: { count: 8, perToken: 2 } };
  return buildDecoder(sizes, namedRandomWeights(1), { architecture, precision });
}

/** Adds float32 constants. */
function addConstant(
  graph: NonNullable<OnnxModel['graph']>,
  name: string,
  dims: readonly number[],
  value: (at: number) => number,
): string {
  const [like] = graph.initializer;
  const size = dims.reduce((all, own) => all * own, 1);
  const data = Float32Array.from({ length: size }, (_, at) => value(at));
  graph.initializer.push({
    ...like!,
    name,
    dims: dims.map(BigInt),
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(data.buffer),
  });
  return name;
}

test.each([
  [
    'interleaved rotary embedding inside the node',
    edited((graph) => {
      for (const { attribute } of attentions(graph)) {
        attribute.find(({ name }) => name === 'rotary_interleaved')!.i = 1n;
      }
    }),
  ],
  [
    'attention sinks inside the node',
    edited((graph) => {
      for (const [at, node] of attentions(graph).entries()) {
        while (node.input.length < 11) node.input.push('');
        node.input[11] = addConstant(graph, `sinks.${at}`, [6], (head) => head / 2 - 1);
      }
    }),
  ],
  ['experts in one operator', experts('float32')],
  ['experts of 4 bits in one operator', experts('int4')],
])('%s', async (_, original) => {
  const backend = createNodeBackend({ threads: 1 });
  for (const positions of positionModes) {
    for (const options of [{}, { batch: true, instructionMask: true }]) {
      const { checks } = await verifyPruned({
        original,
        plan: { ...plan, positions },
        backend,
        options,
      });
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    }
  }
});
