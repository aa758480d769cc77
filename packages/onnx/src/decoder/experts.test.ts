import { clone, create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { namedRandomWeights } from '../builder/weights.js';
import { createEmitter, type Emitter } from '../graph/emitter.js';
import { namesIn } from '../graph/graph.js';
import { AttributeProtoSchema, ModelProtoSchema, type NodeProto } from '../proto/onnx_pb.js';
import { readDecoder } from './read.js';

const sizes = { ...smallConfig, hiddenSize: 32, intermediateSize: 64 };
const architecture = { experts: { count: 5, perToken: 2 } };
const built = (precision: 'float32' | 'int4') =>
  buildDecoder(sizes, namedRandomWeights(1), { architecture, precision });

/** A decoder whose experts of the third layer are changed. */
function changed(
  change: (node: NodeProto, emitter: Emitter) => void,
  precision: 'float32' | 'int4' = 'float32',
) {
  const model = clone(ModelProtoSchema, built(precision));
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'changed' });
  change(graph.node.filter(({ opType }) => /^Q?MoE$/.test(opType))[2]!, emitter);
  graph.node = [...graph.node, ...emitter.nodes];
  graph.initializer.push(...emitter.initializers);
  return model;
}

const set = (name: string, s: string) => (node: NodeProto) => {
  const others = node.attribute.filter((known) => known.name !== name);
  node.attribute = [
    ...others,
    create(AttributeProtoSchema, { name, s: new TextEncoder().encode(s) }),
  ];
};

test.each(['float32', 'int4'] as const)('experts of %s are read, with their sizes', (precision) => {
  const { layers, intermediateSize } = readDecoder(built(precision));
  for (const { ffn } of layers) {
    expect(ffn.experts).toEqual({ experts: 5, perToken: 2, width: 64 });
  }
  expect(intermediateSize).toBe(2 * 64);
});

test.each<[string, (node: NodeProto) => void, number | undefined]>([
  [
    'two matrices before the activation',
    (node) => {
      node.input.push('', node.input[2]!);
      set('activation_type', 'silu')(node);
    },
    128,
  ],
  ['one', set('activation_type', 'relu'), undefined],
])('the width of experts with %s', (_, change, width) => {
  const { experts } = readDecoder(changed(change)).layers[2]!.ffn;
  expect(experts === 'unknown' ? undefined : experts?.width).toBe(width);
});

describe('each token has to come back to its row, by weights alone', () => {
  test.each<[string, (node: NodeProto, emitter: Emitter) => void, RegExp]>([
    [
      'an attribute that is not known',
      set('of_tomorrow', 'x'),
      /MoE with of_tomorrow, which is not/,
    ],
    [
      'weights that are none',
      (node) => {
        node.input[2] = 'attention_mask';
      },
      /MoE with attention_mask, where weights should be/,
    ],
    [
      'a further input',
      (node) => {
        node.input[8] = node.input[2]!;
        for (const at of [5, 6, 7]) node.input[at] ??= '';
      },
      /MoE with a further input/,
    ],
    [
      'a further output',
      (node) => {
        node.output.push('more');
      },
      /MoE with a further output/,
    ],
    [
      'a router of all tokens together',
      (node, { emit }) => {
        node.input[1] = emit('Softmax', [node.input[1]!], { attributes: { axis: 0 } });
      },
      /Softmax over the tokens/,
    ],
    [
      'rows that two tokens share',
      (node, { emit, int64 }) => {
        node.input[1] = emit('Reshape', [node.input[1]!, int64([-1, 10])]);
      },
      /Reshape of .* need not leave tokens apart/,
    ],
    [
      'a router that is a weight',
      (node) => {
        node.input[1] = node.input[2]!;
      },
      /a mixture of experts that sends tokens/,
    ],
  ])('%s', (_, change, message) => {
    expect(() => readDecoder(changed(change))).toThrow(message);
  });

  test('weights to add experts up with are rows too', () => {
    const withWeights = (name: (node: NodeProto) => string) =>
      changed((node) => {
        while (node.input.length < 14) node.input.push('');
        node.input[14] = name(node);
      }, 'int4');
    expect(readDecoder(withWeights(({ input }) => input[1]!)).layers).toHaveLength(6);
    expect(() => readDecoder(withWeights(({ input }) => input[3]!))).toThrow(
      /where rows of single tokens should be/,
    );
  });
});
