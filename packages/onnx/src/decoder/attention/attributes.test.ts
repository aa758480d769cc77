import { clone, create } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { createEmitter } from '../../graph/emitter.js';
import {
  AttributeProtoSchema,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
} from '../../proto/onnx_pb.js';
import { readDecoder } from '../read.js';

const grouped = buildDecoder(smallConfig, randomWeights(1));
const multiHead = buildDecoder({ ...smallConfig, kvHeads: smallConfig.heads }, randomWeights(1), {
  attention: 'multi-head',
});

/** A copy of a decoder whose attention nodes are changed. */
function changed(from: typeof grouped, change: (node: NodeProto, graph: GraphProto) => void) {
  const model = clone(ModelProtoSchema, from);
  const graph = model.graph!;
  for (const node of graph.node) if (/Attention$/.test(node.opType)) change(node, graph);
  return model;
}

const set = (name: string, value: number | string) => (node: NodeProto) => {
  const known = node.attribute.filter((attribute) => attribute.name !== name);
  const s = typeof value === 'string' ? new TextEncoder().encode(value) : new Uint8Array();
  const i = typeof value === 'number' ? BigInt(value) : 0n;
  node.attribute = [...known, create(AttributeProtoSchema, { name, i, s })];
};

/** Gives a node an input. */
const feed = (at: number) => (node: NodeProto) => {
  while (node.input.length <= at) node.input.push('');
  node.input[at] = 'inputs_embeds';
};

describe('every attribute and input of GroupQueryAttention is read, or refused', () => {
  test.each<[(node: NodeProto) => void, RegExp]>([
    [set('sliding_window_cache', 1), /windowed_kv_cache=false.*found sliding_window_cache = 1/],
    [set('smooth_softmax', 1), /a plain softmax.*found smooth_softmax = 1/],
    [set('qk_output', 1), /found qk_output = 1/],
    [set('k_quant_type', 'PER_TENSOR'), /found k_quant_type = PER_TENSOR/],
    [set('kv_cache_bit_width', 4), /found kv_cache_bit_width = 4/],
    [set('causal', 0), /causal attention.*found causal = 0/],
    [set('of_tomorrow', 0), /attributes of GroupQueryAttention that are known, found of_tomorrow/],
    [feed(11), /constant attention sinks, one for each head, found inputs_embeds/],
    [feed(12), /found scales of a quantized cache/],
    [feed(14), /two constant norms of 16 features.*fuse_qk_norm_gqa=false.*found inputs_embeds/],
    [feed(16), /no inputs after k_norm_weight/],
    [(node) => node.output.push('products'), /an output and a cache, found a further output/],
  ])('%#', (change, message) => {
    const model = changed(grouped, change);
    expect(() => readDecoder(model)).toThrow(message);
    expect(() => readDecoder(model)).toThrow(TransPruneError);
  });

  test.each([
    ['smooth_softmax', -1],
    ['sliding_window_cache', 0],
    ['k_quant_type', 'NONE'],
  ])('%s = %s changes nothing', (name, value) => {
    expect(readDecoder(changed(grouped, set(name, value))).layers).toHaveLength(6);
  });

  test('one of another domain is none', () => {
    const model = changed(grouped, (node) => {
      node.domain = 'local';
    });
    expect(() => readDecoder(model)).toThrow(/known attention family/);
  });
});

test.each<[(node: NodeProto) => void, RegExp]>([
  [set('of_tomorrow', 3), /MultiHeadAttention that are known, found of_tomorrow = 3/],
  [feed(8), /no inputs after past_value/],
  [
    (node) => {
      node.input[5] = '';
    },
    /causal attention: unidirectional = 1, or a mask as attention_bias, found neither/,
  ],
])('MultiHeadAttention %#', (change, message) => {
  expect(() => readDecoder(changed(multiHead, change))).toThrow(message);
});

describe('a mask only blocks', () => {
  /** Adds something that a value is multiplied to, to every mask. */
  const biased = (make: (emitter: ReturnType<typeof createEmitter>) => string) =>
    changed(multiHead, (node, graph) => {
      const emitter = createEmitter(
        graph.node.flatMap(({ output }) => output),
        21,
        { prefix: `bias/${node.name}` },
      );
      node.input[5] = emitter.emit('Add', [node.input[5] ?? '', make(emitter)]);
      graph.node = [...graph.node, ...emitter.nodes];
      graph.initializer.push(...emitter.initializers);
    });

  test.each<[string, (emitter: ReturnType<typeof createEmitter>) => string, RegExp]>([
    [
      'a bias that grows with distance',
      ({ emit, cast, int64, float }) =>
        emit('Mul', [cast(emit('CumSum', ['attention_mask', int64([1], [])]), 1), float(-0.5)]),
      /only blocks.*with CumSum/,
    ],
    [
      'a bias of a table',
      ({ emit, int64, float }) =>
        emit('Gather', [
          float(Float32Array.of(0, 1, 2, 3)),
          emit('CumSum', ['attention_mask', int64([1], [])]),
        ]),
      /looked up by positions/,
    ],
  ])('%s is refused', (_, make, message) => {
    expect(() => readDecoder(biased(make))).toThrow(message);
  });

  test('truth values, and what they choose, are a mask', () => {
    const model = biased(({ emit, int64, float }) => {
      const places = emit('CumSum', ['attention_mask', int64([1], [])]);
      return emit('Where', [emit('Greater', [places, int64([0])]), float(0), float(-1e9)]);
    });
    expect(readDecoder(model).layers).toHaveLength(6);
  });
});
