/** Keys between the cache and the standard operator: scores are made of what the cache holds. */
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { exportedDecoder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { createEmitter, type Emitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { decodeModel } from '../../model/codec.js';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
} from '../../proto/onnx_pb.js';
import { readDecoder } from '../read.js';

/** The decoder with the first layer's attention changed. */
function changed(change: (attention: NodeProto, emitter: Emitter) => void) {
  const model = decodeModel(readFileSync(exportedDecoder('llama', 'dynamo-23').path));
  const { node, initializer } = model.graph!;
  const attention = node.find(({ opType }) => opType === 'Attention')!;
  const emitter = createEmitter(namesIn(model.graph!), 23, { prefix: 'changed' });
  change(attention, emitter);
  node.splice(node.indexOf(attention), 0, ...emitter.nodes);
  initializer.push(...emitter.initializers);
  return model;
}

const keys = (attention: NodeProto) => attention.input[1]!;

test('copies of keys are read', () => {
  const copied = changed((attention, { emit }) => {
    attention.input[1] = emit('Identity', [keys(attention)]);
  });
  const [first] = readDecoder(copied).layers;
  expect(first?.attention?.reading.family.name).toBe('standard-attention');
});

test('keys whose heads lie side by side are read', () => {
  const flat = changed((attention, emitter) => {
    const { emit, int64 } = emitter;
    const [heads, headDim] = [4, 16];
    const turn = (x: string) => emit('Transpose', [x], { attributes: { perm: [0, 2, 1, 3] } });
    const sideBySide = (x: string) => emit('Reshape', [turn(x), int64([0, 0, heads * headDim])]);
    const operands = attention.input.map((x, at) => (at < 3 ? sideBySide(x) : x));
    const attributes = { q_num_heads: heads, kv_num_heads: heads };
    const apart = [emit('Attention', operands, { attributes }), int64([0, 0, heads, headDim])];
    // What read the node reads the same of another one.
    attention.opType = 'Transpose';
    attention.input = [emit('Reshape', apart)];
    attention.attribute = [
      create(AttributeProtoSchema, {
        name: 'perm',
        type: AttributeProto_AttributeType.INTS,
        ints: [0n, 2n, 1n, 3n],
      }),
    ];
  });
  const [first, second] = readDecoder(flat).layers;
  expect(first?.attention?.reading.queries.layout).toBe('flat');
  expect(first?.attention?.reading.shape).toEqual(second?.attention?.reading.shape);
});

test.each<readonly [string, RegExp, (emitter: Emitter, keys: string) => string]>([
  ['scaled', /Mul/, ({ emit, float }, x) => emit('Mul', [x, float(8)])],
  [
    'repeated after all the others',
    /Tile/,
    ({ emit, int64 }, x) => emit('Tile', [x, int64([1, 2, 1, 1])]),
  ],
  [
    'set apart along another axis',
    /Unsqueeze/,
    ({ emit, int64 }, x) => {
      const heads = int64([0, -1, 2, 16]);
      return emit('Reshape', [emit('Unsqueeze', [x, int64([1])]), heads]);
    },
  ],
])('%s keys are refused', (_, operator, make) => {
  const other = changed((attention, emitter) => {
    attention.input[1] = make(emitter, keys(attention));
  });
  expect(() => readDecoder(other)).toThrow(
    new RegExp(`^layer 1: expected keys as the cache holds them, .* found ${operator.source}`),
  );
});

test('values in place of keys are refused', () => {
  const exchanged = changed(({ input }) => {
    [input[1], input[2]] = [input[2]!, input[1]!];
  });
  expect(() => readDecoder(exchanged)).toThrow(/^layer 1: expected keys as the cache holds them/);
});
