/** Keys between the cache and the standard operator: scores are made of what the cache holds. */
import { readFileSync } from 'node:fs';
import { exportedDecoder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { createEmitter, type Emitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { decodeModel } from '../../model/codec.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { readDecoder } from '../read.js';

/** The decoder with the first layer's attention changed. */
function changed(change: (attention: NodeProto, emitter: Emitter) => void) {
  const model = decodeModel(readFileSync(exportedDecoder('gemma3n', 'dynamo-23').path));
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
