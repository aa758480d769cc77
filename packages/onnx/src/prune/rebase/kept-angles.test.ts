/** Positions on their way to angles: what stays each token's own is gathered, anything else is refused. */
import { clone } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { expect, test } from 'vitest';
import { smallConfig } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { randomWeights } from '../../builder/weights.js';
import { createEmitter, type Emitter } from '../../graph/emitter.js';
import { namesIn } from '../../graph/graph.js';
import { ModelProtoSchema } from '../../proto/onnx_pb.js';
import { pruneModel } from '../prune.js';

const decoder = buildDecoder(smallConfig, randomWeights(1), { rotary: 'separate' });
const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
const [float, int64] = [1, 7];
const half = smallConfig.headDim / 2;

/** A decoder whose positions, or tables of angles, are made in the graph. */
function changed(make: (emitter: Emitter) => { positions?: string; tables?: string }) {
  const model = clone(ModelProtoSchema, decoder);
  const graph = model.graph!;
  const emitter = createEmitter(namesIn(graph), 21, { prefix: 'added' });
  const { positions = 'position_ids', tables } = make(emitter);
  for (const node of graph.node.filter(({ opType }) => opType === 'RotaryEmbedding')) {
    node.input = node.input.map((name, at) => [name, positions, tables ?? name][Math.min(at, 2)]!);
  }
  graph.node = [...graph.node, ...emitter.nodes];
  graph.initializer.push(...emitter.initializers);
  const reads = new Set(graph.node.flatMap(({ input }) => input));
  graph.input = graph.input.filter(({ name }) => name !== 'position_ids' || reads.has(name));
  return model;
}

const keep = (make: Parameters<typeof changed>[0]) =>
  pruneModel(changed(make), { ...plan, positions: 'keep' });

const end = 2 ** 40;
const past = ({ emit }: Emitter, rank: number) => {
  const size = emit('Shape', ['past_key_values.0.key'], { attributes: { start: 2, end: 3 } });
  return rank === 0 ? emit('Squeeze', [size]) : size;
};
const tokens = ({ emit }: Emitter) =>
  emit('Squeeze', [emit('Shape', ['inputs_embeds'], { attributes: { start: 1, end: 2 } })]);
const scalar = ({ int64: whole }: Emitter, value: number) => whole([value], []);
/** Rows of angles for all positions that are met, as many as there have to be. */
const dynamicTable = (own: Emitter, limit: string) => {
  const { emit, cast, float: numbers, int64: whole } = own;
  const range = emit('Range', [scalar(own, 0), limit, scalar(own, 1)]);
  const rows = emit('Unsqueeze', [cast(range, float), whole([1])]);
  return emit('Cos', [emit('Mul', [rows, numbers(new Float32Array(half).fill(0.5), [1, half])])]);
};
const largest = (own: Emitter) => {
  const most = own.emit('ReduceMax', ['position_ids'], { attributes: { keepdims: 0 } });
  return own.emit('Add', [most, scalar(own, 1)]);
};

test.each<[string, Parameters<typeof changed>[0]]>([
  [
    'copies in another shape and type',
    ({ emit, cast, int64: whole }) => {
      const turned = emit('Transpose', [emit('Unsqueeze', ['position_ids', whole([2])])], {
        attributes: { perm: [0, 2, 1] },
      });
      return { positions: emit('Squeeze', [cast(cast(turned, float), int64), whole([1])]) };
    },
  ],
  [
    'positions that the graph counts from the past on',
    (own) => {
      const { emit, int64: whole } = own;
      const places = emit('Range', [scalar(own, 0), tokens(own), scalar(own, 1)]);
      return {
        positions: emit('Unsqueeze', [emit('Add', [places, past(own, 1)]), whole([0])]),
      };
    },
  ],
  [
    'positions that the graph counts to the end',
    (own) => {
      const { emit, int64: whole } = own;
      const start = past(own, 0);
      const places = emit('Range', [start, emit('Add', [start, tokens(own)]), scalar(own, 1)]);
      return { positions: emit('Unsqueeze', [places, whole([0])]) };
    },
  ],
  [
    'a table as long as the largest position',
    (own) => ({ tables: dynamicTable(own, largest(own)) }),
  ],
  [
    'the first rows of a constant table',
    (own) => {
      const { emit, float: numbers, int64: whole } = own;
      const table = numbers(new Float32Array(128 * half), [128, half]);
      const rows = emit('Unsqueeze', [largest(own), whole([0])]);
      return { tables: emit('Slice', [table, whole([0]), rows, whole([0])]) };
    },
  ],
])('%s are kept', (_, make) => {
  expect(() => keep(make)).not.toThrow();
});

test.each<[string, RegExp, Parameters<typeof changed>[0]]>([
  [
    'positions from the last to the first',
    /found Slice along the tokens at Slice node/,
    ({ emit, int64: whole }) => ({
      positions: emit('Slice', [
        'position_ids',
        whole([-1]),
        whole([-end]),
        whole([1]),
        whole([-1]),
      ]),
    }),
  ],
  [
    'positions less the largest',
    /found ReduceMax over the tokens at ReduceMax node/,
    ({ emit, int64: whole }) => ({
      positions: emit('Sub', ['position_ids', emit('ReduceMax', ['position_ids', whole([1])])]),
    }),
  ],
  [
    'positions and the number of tokens',
    /found the number of tokens, or the length of a cache, among the numbers of/,
    (own) => ({ positions: own.emit('Mul', ['position_ids', tokens(own)]) }),
  ],
  [
    'positions and the mask',
    /found numbers of attention_mask/,
    ({ emit, int64: whole }) => ({
      positions: emit('Mul', ['position_ids', emit('ReduceSum', ['attention_mask', whole([1])])]),
    }),
  ],
  [
    'positions and places that the graph counts',
    /found places that the graph counts besides position_ids/,
    (own) => {
      const { emit } = own;
      const places = emit('Range', [scalar(own, 0), tokens(own), scalar(own, 1)]);
      return { positions: emit('Add', ['position_ids', places]) };
    },
  ],
  [
    'positions and a table that is cut by the number of tokens',
    /found Reshape to sizes that are not known at Reshape/,
    (own) => {
      const { emit, int64: whole } = own;
      const rows = emit('Concat', [emit('Unsqueeze', [tokens(own), whole([0])]), whole([-1])], {
        attributes: { axis: 0 },
      });
      const table = emit('Reshape', [whole([1, 2, 3, 4]), rows]);
      const largest = emit('ReduceMax', [table], { attributes: { keepdims: 0 } });
      return { positions: emit('Add', ['position_ids', largest]) };
    },
  ],
  [
    'a table that depends on the largest position',
    /a table of angles that is the same whichever tokens stay.* found ReduceMax over/,
    (own) => {
      const { emit } = own;
      const table = dynamicTable(own, scalar(own, 128));
      const isLong = emit('Greater', [largest(own), scalar(own, 64)]);
      return { tables: emit('Where', [isLong, table, emit('Neg', [table])]) };
    },
  ],
  [
    'an operator that is not known',
    /found Det, which is not known to leave tokens apart, at Det node/,
    ({ emit }) => ({ positions: emit('Det', ['position_ids']) }),
  ],
])('%s are refused', (_, reason, make) => {
  expect(() => keep(make)).toThrow(reason);
  expect(() => pruneModel(changed(make), { ...plan, positions: 'renumber' })).not.toThrow();
});
