/** Kinds of decoders that are refused: what it is, where, in one sentence. */
import { readFileSync } from 'node:fs';
import { clone, create } from '@bufbuild/protobuf';
import { exportedDecoder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { createEmitter, type Emitter } from '../graph/emitter.js';
import { namesIn } from '../graph/graph.js';
import { decodeModel } from '../model/codec.js';
import { type GraphProto, ModelProtoSchema, NodeProtoSchema } from '../proto/onnx_pb.js';
import { readDecoder } from './read.js';

const split = buildDecoder(smallConfig, randomWeights(1), {
  projections: 'split',
  norms: 'separate',
});
const changed = (change: (graph: GraphProto) => void) => {
  const model = clone(ModelProtoSchema, split);
  change(model.graph!);
  return model;
};
test("keys that are projected from a latent are their layer's own, projected from its norm", () => {
  const latent = changed((graph) => {
    const norm = graph.node.find(({ opType }) => opType === 'SimplifiedLayerNormalization');
    const own = graph.node.filter(({ input }) => input[0] === norm!.output[0]);
    const square = clone(ModelProtoSchema, split).graph!.initializer[0]!;
    square.name = 'latent.weight';
    square.dims = [24n, 24n];
    square.rawData = new Uint8Array(24 * 24 * 4);
    graph.initializer.push(square);
    own[1]!.input[0] = 'latent';
    const input = [norm!.output[0]!, 'latent.weight'];
    graph.node.unshift(create(NodeProtoSchema, { opType: 'MatMul', input, output: ['latent'] }));
  });
  const [first, second] = readDecoder(latent).layers;
  expect(first?.attention?.projections).toContain('latent');
  expect(first?.attention?.projections).toHaveLength(3);
  expect(second?.attention?.projections).not.toContain('latent');
});

/** Two streams, one of which the first layer takes. */
const stackedBy = (take: 'Gather' | 'Squeeze') =>
  changed((graph) => {
    const emitter = createEmitter(namesIn(graph), 21, { prefix: 'altup' });
    const { emit, int64 } = emitter;
    const apart = (x: string) => emit('Unsqueeze', [x, int64([0])]);
    const [one, other] = [apart('inputs_embeds'), apart(emit('Neg', ['inputs_embeds']))];
    const stack = emit('Concat', [one, other], { attributes: { axis: 0 } });
    const active =
      take === 'Gather'
        ? emit('Gather', [stack, int64([0], [])], { attributes: { axis: 0 } })
        : emit('Squeeze', [emit('Slice', [stack, int64([0]), int64([1]), int64([0])]), int64([0])]);
    for (const node of graph.node) {
      node.input = node.input.map((name) => (name === 'inputs_embeds' ? active : name));
    }
    graph.node.push(...emitter.nodes);
    graph.initializer.push(...emitter.initializers);
  });

test('several streams that are taken apart in another way', () => {
  expect(() => readDecoder(stackedBy('Squeeze'))).toThrow(
    /^layer 1, mixer: expected one residual stream .* found 2 streams that .* \(AltUp: Gemma 3n\)/,
  );
});

test('several streams of which layers update one alone', () => {
  expect(() => readDecoder(stackedBy('Gather'))).toThrow(
    /^after layer 1: expected streams that are made of the predictions .* and of what its modules made of one/,
  );
});

test('a layer without a cache between others', () => {
  const gap = changed((graph) => {
    graph.output = graph.output.filter(({ name }) => !name.startsWith('present.2.'));
  });
  expect(() => readDecoder(gap)).toThrow(
    /^layer 3: expected present\.2\.key and present\.2\.value .* found none, though layer 6 has one/,
  );
});

test.each([
  ['present.1.value', 'present.2.value'],
  ['present.1.key', 'present.1.value'],
  ['present.3.key', 'present.2.value'],
])('a cache that goes on as another: %s and %s exchanged', (one, other) => {
  const exchanged = changed((graph) => {
    const names = new Map([
      [one, other],
      [other, one],
    ]);
    for (const node of graph.node) node.output = node.output.map((name) => names.get(name) ?? name);
  });
  expect(() => readDecoder(exchanged)).toThrow(/^layer \d: expected present/);
});

test('a mask that logits are multiplied with', () => {
  const { path } = exportedDecoder('llama', 'torchscript-17');
  const multiplied = decodeModel(readFileSync(path));
  const { producer } = readDecoder(multiplied).graph;
  const softmax = multiplied.graph!.node.find(({ opType }) => opType === 'Softmax');
  const masked = producer.get(softmax!.input[0]!);
  expect(masked!.opType).toBe('Add');
  masked!.opType = 'Mul';
  expect(() => readDecoder(multiplied)).toThrow(
    /^layer 1: expected a mask and Softmax after the product of queries and keys, found Mul/,
  );
});

/** Nodes put between the masked logits of the first layer and their Softmax. */
const afterMask = (make: (masked: string, emitter: Emitter) => string) => {
  const { path } = exportedDecoder('llama', 'torchscript-17');
  const model = decodeModel(readFileSync(path));
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 17, { prefix: 'after mask' });
  const at = graph.node.findIndex(({ opType }) => opType === 'Softmax');
  const softmax = graph.node[at]!;
  softmax.input[0] = make(softmax.input[0]!, emitter);
  graph.node.splice(at, 0, ...emitter.nodes);
  graph.initializer.push(...emitter.initializers);
  return model;
};

test.each<[string, string, (masked: string, emitter: Emitter) => string]>([
  ['scaled', 'Mul', (x, { emit, float }) => emit('Mul', [x, float(2)])],
  ['divided', 'Div', (x, { emit, float }) => emit('Div', [x, float(2)])],
  [
    'turned',
    'Transpose',
    (x, { emit }) => emit('Transpose', [x], { attributes: { perm: [0, 1, 3, 2] } }),
  ],
])('logits that are %s after their mask', (_, opType, make) => {
  expect(() => readDecoder(afterMask(make))).toThrow(
    `layer 1: expected a mask and Softmax after the product of queries and keys, found ${opType}`,
  );
});

test('logits that are cast after their mask are read', () => {
  const model = afterMask((x, { emit, cast }) => cast(cast(emit('Identity', [x]), 11), 1));
  expect(readDecoder(model).layers).toHaveLength(6);
});

test('logits that something reads besides their mask', () => {
  const { path } = exportedDecoder('llama', 'torchscript-17');
  const model = decodeModel(readFileSync(path));
  const { layers } = readDecoder(model);
  const [product] = layers[0]!.attention!.reading.logitNodes!.slice(-1);
  const { node: nodes } = model.graph!;
  const at = nodes.findIndex(({ opType }) => opType === 'Softmax');
  const [probabilities = ''] = nodes[at]!.output;
  nodes[at]!.output = ['inside'];
  nodes.splice(
    at + 1,
    0,
    create(NodeProtoSchema, { opType: 'Neg', input: [product!.output[0]!], output: ['aside'] }),
    create(NodeProtoSchema, { opType: 'Add', input: ['inside', 'aside'], output: [probabilities] }),
  );
  expect(() => readDecoder(model)).toThrow(
    /^layer 1: expected logits that are read once on their way to the mask and Softmax, found Neg/,
  );
});
