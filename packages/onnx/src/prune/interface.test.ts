import { clone, create } from '@bufbuild/protobuf';
import { createPlan, TransPruneError } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { tensor } from '../graph/emitter.js';
import { tensorInfo } from '../graph/value-info.js';
import { inspectModel } from '../inspect/inspect.js';
import {
  AttributeProtoSchema,
  type GraphProto,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
} from '../proto/onnx_pb.js';
import { type PruneOptions, pruneModel } from './prune.js';

const decoder = buildDecoder(smallConfig, randomWeights(1));
const rotated = buildDecoder(smallConfig, randomWeights(1), { rotary: 'separate' });
const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.5 }] });
const [float, int32, int64] = [1, 6, 7];

/** Declares an input anew. */
const declared =
  (name: string, type: number, sizes: readonly (number | string)[]) => (graph: GraphProto) => {
    const at = graph.input.findIndex((info) => info.name === name);
    graph.input[at] = tensorInfo(name, type, sizes);
  };

function refusalOf(change: (graph: GraphProto) => void, from = decoder, options?: PruneOptions) {
  const model = clone(ModelProtoSchema, from);
  change(model.graph!);
  expect(() => pruneModel(model, plan, options)).toThrow(TransPruneError);
  try {
    pruneModel(model, plan, options);
  } catch (error) {
    if (options === undefined) expect(inspectModel(model).prunable).toBe(false);
    return (error as Error).message;
  }
  return '';
}

describe('what is fed has to be what a decoder is fed', () => {
  test.each<[string, (graph: GraphProto) => void, RegExp]>([
    [
      'a mask of 4 axes, added to the logits',
      declared('attention_mask', float, ['batch_size', 1, 'sequence_length', 'total']),
      /attention_mask: expected \[batch, past \+ tokens\].*found \[batch_size, 1, sequence_length, total\]/,
    ],
    [
      'a mask of floats',
      declared('attention_mask', float, ['batch_size', 'total']),
      /attention_mask: expected whole numbers/,
    ],
    [
      'a number of tokens',
      declared('inputs_embeds', float, [1, 5, 24]),
      /inputs_embeds: .*found a fixed number of tokens \(5\)/,
    ],
    [
      'a number of rows',
      declared('inputs_embeds', float, [2, 'sequence_length', 24]),
      /inputs_embeds: .*found a fixed batch size of 2/,
    ],
    [
      'a cache of one length',
      declared('past_key_values.1.value', float, ['batch_size', 2, 64, 16]),
      /past_key_values.1.value: .*found a fixed number of tokens \(64\)/,
    ],
  ])('%s', (_, change, message) => {
    expect(refusalOf(change)).toMatch(message);
  });

  test.each<[readonly (number | string)[], number, RegExp]>([
    [['batch', 3, 'tokens'], int64, /found \[batch, 3, tokens\]/],
    [[2, 'batch', 'tokens'], int64, /found \[2, batch, tokens\]/],
    [['tokens'], int64, /found \[tokens\]/],
    [[], int64, /found no shape/],
    [['batch', 'tokens'], float, /int64 or int32/],
    [['batch', 7], int64, /fixed number of tokens \(7\)/],
  ])('positions %j', (sizes, type, message) => {
    expect(refusalOf(declared('position_ids', type, sizes), rotated)).toMatch(message);
  });

  test('positions of 32 bits are made as such after a prune', () => {
    const model = clone(ModelProtoSchema, rotated);
    declared('position_ids', int32, ['batch', 'tokens'])(model.graph!);
    const cast = pruneModel(model, plan).model.graph!.node.find(
      ({ name, opType }) => name.includes('/positions/') && opType === 'Cast',
    );
    expect(cast?.attribute[0]?.i).toBe(6n);
  });
});

test('hidden states among the outputs are refused, and how to leave them out is said', () => {
  const message = refusalOf(({ output }) => {
    output.push(
      tensorInfo('layer_0/ffn/MatMul_2/stream', float, ['batch_size', 'sequence_length', 24]),
    );
  });
  expect(message).toMatch(/output_hidden_states=False.*found layer_0\/ffn\/MatMul_2\/stream/);
});

test('a value that is called as an input of the pruning is refused', () => {
  const message = refusalOf(({ initializer }) => {
    initializer.push(tensor('image_mask', TensorProto_DataType.FLOAT, [1], new Uint8Array(4)));
  });
  expect(message).toMatch(/no value called image_mask yet/);
  const inner = refusalOf(
    ({ node }) => {
      const output = ['keep_ratios'];
      node.push(create(NodeProtoSchema, { opType: 'Identity', input: ['attention_mask'], output }));
    },
    decoder,
    { runtimeRatios: true },
  );
  expect(inner).toMatch(/no value called keep_ratios yet/);
});

test('a batch needs layers that are told of padding', () => {
  const causal = buildDecoder({ ...smallConfig, kvHeads: smallConfig.heads }, randomWeights(1), {
    attention: 'multi-head',
  });
  const message = refusalOf(
    ({ node }) => {
      for (const attention of node) {
        if (attention.opType === 'MultiHeadAttention') {
          attention.input[5] = '';
          attention.attribute.push(create(AttributeProtoSchema, { name: 'unidirectional', i: 1n }));
        }
      }
    },
    causal,
    { batch: true },
  );
  expect(message).toMatch(/layer 1: expected attention that reads attention_mask.*--batch/);
});
