import { clone } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../testing/random-decoder.js';
import { buildDecoder } from '../builder/decoder.js';
import { randomWeights } from '../builder/weights.js';
import { createEmitter, type Emitter, tensor } from '../graph/emitter.js';
import { namesIn } from '../graph/graph.js';
import { ModelProtoSchema } from '../proto/onnx_pb.js';
import { readDecoder } from './read.js';

const decoder = buildDecoder(smallConfig, randomWeights(1), { norms: 'separate' });
const ffn = readDecoder(decoder).layers[2]!.ffn;
const attention = readDecoder(decoder).layers[3]!.attention!;

/** A decoder in which a value goes through further nodes before anything reads it. */
function through(value: string, make: (x: string, emitter: Emitter) => string) {
  const model = clone(ModelProtoSchema, decoder);
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'between' });
  const isOutput = graph.output.some(({ name }) => name === value);
  if (isOutput) {
    const maker = graph.node.find(({ output }) => output.includes(value))!;
    maker.output = maker.output.map((name) => (name === value ? `${value}/before` : name));
    emitter.emit('Identity', [make(`${value}/before`, emitter)], { outputs: [value] });
  } else {
    const after = make(value, emitter);
    for (const node of graph.node) {
      node.input = node.input.map((name) => (name === value ? after : name));
    }
  }
  graph.node = [...graph.node, ...emitter.nodes];
  graph.initializer.push(...emitter.initializers);
  return model;
}

const end = 2 ** 40;
const [hidden, vocabulary] = [smallConfig.hiddenSize, smallConfig.vocabularySize];

/** Whole numbers made of a value, in its shape. */
const indicesOf = (x: string, { emit, cast }: Pick<Emitter, 'emit' | 'cast'>) =>
  cast(emit('Sign', [x]), 7);

/** A product that takes its operands in another order of axes. */
const fused = (
  { emit }: Emitter,
  inputs: readonly string[],
  attributes: Readonly<Record<string, number>>,
) => emit('FusedMatMul', inputs, { domain: 'com.microsoft', attributes });

/** What mixes tokens of `[batch, tokens, features]`, moves them, or may do so. */
const mixes: readonly [string, (x: string, emitter: Emitter, features: number) => string][] = [
  ['CumSum', (x, { emit, int64 }) => emit('CumSum', [x, int64([1], [])])],
  [
    'Conv',
    (x, { emit, float }, features) => {
      const turned = emit('Transpose', [x], { attributes: { perm: [0, 2, 1] } });
      const weight = float(new Float32Array(features * 3), [features, 1, 3]);
      const attributes = { group: features, pads: [2, 0] };
      const mixed = emit('Conv', [turned, weight], { attributes });
      return emit('Transpose', [mixed], { attributes: { perm: [0, 2, 1] } });
    },
  ],
  [
    'Concat',
    (x, { emit, int64 }) => {
      const first = emit('Slice', [x, int64([0]), int64([1]), int64([1])]);
      const others = emit('Slice', [x, int64([0]), int64([-1]), int64([1])]);
      return emit('Concat', [first, others], { attributes: { axis: 1 } });
    },
  ],
  ['Pad', (x, { emit, int64 }) => emit('Pad', [x, int64([0, 1, 0, 0, -1, 0])])],
  ['Softmax', (x, { emit }) => emit('Softmax', [x], { attributes: { axis: 1 } })],
  [
    'LayerNorm',
    (x, e, n) =>
      e.emit('LayerNormalization', [x, e.float(new Float32Array(n))], { attributes: { axis: 1 } }),
  ],
  ['ReduceMean', (x, { emit, int64 }) => emit('Sub', [x, emit('ReduceMean', [x, int64([1])])])],
  ['ReduceMax', (x, { emit }) => emit('Sub', [x, emit('ReduceMax', [x])])],
  [
    'Reshape',
    (x, { emit, int64 }, features) =>
      emit('Reshape', [
        emit('Reshape', [x, int64([0, -1, 2 * features])]),
        int64([0, -1, features]),
      ]),
  ],
  [
    'MatMul',
    (x, { emit }) =>
      emit('MatMul', [
        x,
        emit('MatMul', [emit('Transpose', [x], { attributes: { perm: [0, 2, 1] } }), x]),
      ]),
  ],
  [
    'FusedMatMul',
    (x, own) => {
      const first = own.emit('Transpose', [own.emit('Unsqueeze', [x, own.int64([0])])], {
        attributes: { perm: [2, 1, 0, 3] },
      });
      const seen = fused(own, [first, first], { transBatchA: 1, transBatchB: 1, transB: 1 });
      return own.emit('Squeeze', [own.emit('MatMul', [seen, x]), own.int64([1])]);
    },
  ],
  [
    'FusedMatMul with a weight, of tokens before rows',
    (x, own, n) => fused(own, [x, own.float(new Float32Array(n * n), [n, n])], { transBatchA: 1 }),
  ],
  ['Add', (x, { emit, float }, n) => emit('Add', [x, float(new Float32Array(4 * n), [1, 4, n])])],
  ['local.Mul', (x, { emit }) => emit('Mul', [x, x], { domain: 'local' })],
  ['ReverseSequence', (x, { emit, int64 }) => emit('ReverseSequence', [x, int64([4])])],
  [
    'Gather',
    (x, { emit, int64 }) => emit('Gather', [x, int64([1, 0])], { attributes: { axis: 1 } }),
  ],
  [
    'Transpose',
    (x, { emit }) => emit('Add', [x, emit('Transpose', [x], { attributes: { perm: [1, 0, 2] } })]),
  ],
  [
    'ArgMax',
    (x, { emit, cast }) =>
      emit('Add', [x, cast(emit('ArgMax', [x], { attributes: { axis: 1 } }), 1)]),
  ],
  [
    'GatherElements',
    (x, own) => own.emit('GatherElements', [x, indicesOf(x, own)], { attributes: { axis: 1 } }),
  ],
  [
    'ScatterElements',
    (x, own) => own.emit('ScatterElements', [x, indicesOf(x, own), x], { attributes: { axis: 1 } }),
  ],
  [
    'Slice of every other token',
    (x, { emit, int64 }) => emit('Slice', [x, int64([0]), int64([end]), int64([1]), int64([2])]),
  ],
];

/** What mixes the rows of a batch, moves them, or may do so: along the first axis of `[batch, tokens, features]`. */
const mixesRows: typeof mixes = [
  ['CumSum', (x, { emit, int64 }) => emit('CumSum', [x, int64([0], [])])],
  ['ReduceMean', (x, { emit, int64 }) => emit('Sub', [x, emit('ReduceMean', [x, int64([0])])])],
  [
    'ReduceMax',
    (x, { emit, int64 }) => {
      const largest = emit('ReduceMax', [x, int64([0])], { attributes: { keepdims: 0 } });
      return emit('Sub', [x, largest]);
    },
  ],
  [
    'Slice',
    (x, { emit, int64 }) => emit('Slice', [x, int64([-1]), int64([-end]), int64([0]), int64([-1])]),
  ],
  [
    'Slice',
    (x, { emit, int64 }) =>
      emit('Add', [x, emit('Slice', [x, int64([0]), int64([1]), int64([0])])]),
  ],
  [
    'Gather',
    (x, { emit, int64 }) =>
      emit('Add', [x, emit('Gather', [x, int64([0], [])], { attributes: { axis: 0 } })]),
  ],
  ['Softmax', (x, { emit }) => emit('Softmax', [x], { attributes: { axis: 0 } })],
  [
    'Split',
    (x, { emit, int64 }) => {
      const parts = ['first', 'others'];
      emit('Split', [x, int64([1, 1])], { attributes: { axis: 0 }, outputs: parts });
      return emit('Concat', parts.reverse(), { attributes: { axis: 0 } });
    },
  ],
  ['Concat', (x, { emit }) => emit('Concat', [x, x], { attributes: { axis: 0 } })],
  ['Tile', (x, { emit, int64 }) => emit('Tile', [x, int64([2, 1, 1])])],
  [
    'TopK',
    (x, { emit, int64 }) =>
      emit('TopK', [x, int64([1])], { attributes: { axis: 0 }, outputs: ['best', 'place'] }),
  ],
  [
    'ArgMax',
    (x, { emit, cast }) =>
      emit('Add', [x, cast(emit('ArgMax', [x], { attributes: { axis: 0 } }), 1)]),
  ],
  [
    'GatherElements',
    (x, own) => own.emit('GatherElements', [x, indicesOf(x, own)], { attributes: { axis: 0 } }),
  ],
  [
    'ScatterElements',
    (x, own) => own.emit('ScatterElements', [x, indicesOf(x, own), x], { attributes: { axis: 0 } }),
  ],
  [
    'Squeeze',
    (x, { emit, int64 }) => emit('Unsqueeze', [emit('Squeeze', [x, int64([0])]), int64([0])]),
  ],
  ['Add', (x, { emit, float }, n) => emit('Add', [x, float(new Float32Array(2 * n), [2, 1, n])])],
  [
    'Reshape',
    (x, { emit, int64 }, n) => {
      const heads = emit('Transpose', [emit('Reshape', [x, int64([0, 0, 4, -1])])], {
        attributes: { perm: [0, 2, 1, 3] },
      });
      const size = (at: number) =>
        emit('Slice', [emit('Shape', [x]), int64([at]), int64([at + 1])]);
      const sizes = [int64([4]), size(0), size(1), int64([n / 4])];
      const moved = emit('Reshape', [heads, emit('Concat', sizes, { attributes: { axis: 0 } })]);
      const back = emit('Transpose', [moved], { attributes: { perm: [1, 2, 0, 3] } });
      return emit('Reshape', [back, int64([0, 0, n])]);
    },
  ],
  [
    'MatMul',
    (x, { emit, int64 }, n) => {
      const heads = (perm: readonly number[]) =>
        emit('Transpose', [emit('Reshape', [x, int64([0, 0, 4, -1])])], { attributes: { perm } });
      const product = emit('MatMul', [heads([1, 2, 3, 0]), heads([1, 2, 0, 3])]);
      const all = emit('MatMul', [product, heads([1, 2, 3, 0])]);
      const back = emit('Transpose', [all], { attributes: { perm: [3, 0, 1, 2] } });
      return emit('Reshape', [back, int64([0, 0, n])]);
    },
  ],
];

/** What leaves each token's numbers its own. */
const leaves: readonly [string, (x: string, emitter: Emitter, features: number) => string][] = [
  [
    'Reshape',
    (x, { emit, int64 }, n) =>
      emit('Reshape', [emit('Reshape', [x, int64([0, 0, 4, -1])]), int64([0, -1, n])]),
  ],
  [
    'Reshape to rows',
    (x, { emit, int64 }, n) => {
      const rows = emit('Reshape', [x, int64([-1, n])]);
      return emit('Reshape', [emit('Softmax', [rows]), emit('Shape', [x])]);
    },
  ],
  [
    'Reshape to one row of tokens',
    (x, { emit, int64 }, n) => {
      const rows = emit('Reshape', [x, int64([1, -1, n])]);
      return emit('Reshape', [emit('Softmax', [rows]), emit('Shape', [x])]);
    },
  ],
  [
    'Reshape to heads of all rows',
    (x, { emit, int64 }, n) => {
      const turn = (y: string) => emit('Transpose', [y], { attributes: { perm: [0, 2, 1, 3] } });
      const heads = turn(emit('Reshape', [x, int64([0, 0, 4, -1])]));
      const size = emit('Slice', [emit('Shape', [x]), int64([1]), int64([2])]);
      const sizes = emit('Concat', [int64([-1]), size, int64([n / 4])], {
        attributes: { axis: 0 },
      });
      const all = emit('Softmax', [emit('Reshape', [heads, sizes])]);
      const back = emit('Reshape', [all, emit('Shape', [heads])]);
      return emit('Reshape', [turn(back), int64([0, 0, n])]);
    },
  ],
  ['Softmax', (x, { emit }) => emit('Softmax', [x], { attributes: { axis: -1 } })],
  ['ReduceMax', (x, { emit, int64 }) => emit('Sub', [x, emit('ReduceMax', [x, int64([-1])])])],
  [
    'Slice and Concat of features',
    (x, { emit, int64 }) => {
      const [a, b] = [
        emit('Slice', [x, int64([0]), int64([8]), int64([-1])]),
        emit('Slice', [x, int64([8]), int64([end]), int64([2])]),
      ];
      return emit('Concat', [b, a], { attributes: { axis: -1 } });
    },
  ],
  [
    'pairs of features, turned',
    (x, { emit, int64 }, n) => {
      const every = (start: number) =>
        emit('Slice', [x, int64([start]), int64([end]), int64([2]), int64([2])]);
      const apart = [emit('Neg', [every(1)]), every(0)].map((y) =>
        emit('Unsqueeze', [y, int64([3])]),
      );
      return emit('Reshape', [
        emit('Concat', apart, { attributes: { axis: 3 } }),
        int64([0, 0, n]),
      ]);
    },
  ],
  [
    'ArgMax',
    (x, { emit, cast, int64 }) => {
      const place = emit('ArgMax', [x], { attributes: { axis: -1, keepdims: 0 } });
      return emit('Add', [x, emit('Unsqueeze', [cast(place, 1), int64([2])])]);
    },
  ],
  [
    'GatherElements and ScatterElements of features',
    (x, own) => {
      const first = own.emit('GatherElements', [x, indicesOf(x, own)], { attributes: { axis: 2 } });
      return own.emit('ScatterElements', [first, indicesOf(x, own), x], {
        attributes: { axis: -1 },
      });
    },
  ],
  [
    'features that are chosen group by group',
    (x, { emit, int64, cast }, n) => {
      // As exporters write expand(-1, -1, n): sizes of -1 are copied.
      const wanted = int64([-1, -1, n]);
      const ones = emit('ConstantOfShape', [int64([3])], {
        attributes: { value: tensor('', 7, [1], new Uint8Array(BigInt64Array.of(1n).buffer)) },
      });
      const copies = emit('Equal', [wanted, emit('Mul', [ones, int64([-1])])]);
      const best = emit('TopK', [x, int64([1])], { outputs: ['best', 'best/place'] });
      const none = emit('ConstantOfShape', [emit('Shape', [best])]);
      const chosen = emit('ScatterElements', [none, indicesOf(best, { emit, cast }), best], {
        attributes: { axis: 2 },
      });
      const all = emit('Expand', [chosen, emit('Where', [copies, ones, wanted])]);
      return emit('Mul', [x, all]);
    },
  ],
  [
    "a product of two streams and each token's own coefficients",
    (x, own) => {
      const { emit, int64 } = own;
      const streams = [x, emit('Neg', [x])].map((y) => emit('Unsqueeze', [y, int64([0])]));
      const stack = emit('Concat', streams, { attributes: { axis: 0 } });
      const some = emit('Slice', [x, int64([0]), int64([4]), int64([2])]);
      const coefficients = emit('Reshape', [some, int64([0, 0, 2, 2])]);
      const made = fused(own, [stack, coefficients], { transBatchA: 1, transA: 1 });
      return emit('ReduceSum', [made, int64([-1])], { attributes: { keepdims: 0 } });
    },
  ],
  [
    'Unsqueeze, Squeeze',
    (x, { emit, int64 }) => emit('Squeeze', [emit('Unsqueeze', [x, int64([1])]), int64([1])]),
  ],
];

const places: readonly [string, string, number][] = [
  ['what an FFN adds', ffn.output, hidden],
  ['what attention adds', attention.output, hidden],
  ['what attention reads', attention.input, hidden],
  ['logits', 'logits', vocabulary],
];

describe.each(places)('%s', (_, value, features) => {
  test.each(mixes)('%s is refused', (_name, make) => {
    const model = through(value, (x, emitter) => make(x, emitter, features));
    expect(() => readDecoder(model)).toThrow(TransPruneError);
    expect(() => readDecoder(model)).toThrow(
      /to stay its own, found|a norm between|linear projections/,
    );
  });
});

describe.each(places)('rows of %s', (_, value, features) => {
  test.each(mixesRows)('%s is refused', (name, make) => {
    const model = through(value, (x, emitter) => make(x, emitter, features));
    expect(() => readDecoder(model)).toThrow(
      new RegExp(
        `found ${name}.*(rows of a batch|not known to leave tokens apart)|a norm between.*found|linear projections`,
      ),
    );
  });
});

describe.each(places.filter(([place]) => place !== 'what attention reads'))(
  '%s',
  (_, value, features) => {
    test.each(leaves)('%s is read', (_name, make) => {
      const model = through(value, (x, emitter) => make(x, emitter, features));
      expect(readDecoder(model).layers).toHaveLength(6);
    });
  },
);

describe('logits of some tokens', () => {
  test.each([
    [-1, true],
    [1, false],
  ])('from %i on: %s', (start, isRead) => {
    const model = through('logits', (x, { emit, int64 }) =>
      emit('Slice', [x, int64([start]), int64([end]), int64([1])]),
    );
    if (isRead) expect(readDecoder(model).layers).toHaveLength(6);
    else expect(() => readDecoder(model)).toThrow(/Slice along the tokens/);
  });

  test('are not put together with those of others', () => {
    const model = through('logits', (x, { emit, int64 }) => {
      const last = emit('Slice', [x, int64([-1]), int64([end]), int64([1])]);
      return emit('Add', [x, last]);
    });
    expect(() => readDecoder(model)).toThrow(/tokens along different axes/);
  });
});
