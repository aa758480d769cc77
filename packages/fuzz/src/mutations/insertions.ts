/** Operators put where a value is read. */
import { ports } from '@transprune/core';
import type { NodeProto } from '@transprune/onnx/proto';
import { TensorProto_DataType } from '@transprune/onnx/proto';
import { withImage } from '../prompt.js';
import {
  addConstant,
  edgesOf,
  insertBefore,
  type Mutation,
  makeNode,
  type Scene,
} from './mutation.js';

/** Where to insert: a value, the name to make, and an axis of it. */
interface Place {
  readonly scene: Scene;
  readonly value: string;
  readonly rank: number;
  readonly axis: number;
  readonly output: string;
}

type Insertion = (place: Place) => NodeProto[];

const one = (scene: Scene) => addConstant(scene, [1]);

/** What mixes tokens if the axis is theirs, or leaves them alone. */
export const insertions: Readonly<Record<string, Insertion>> = {
  softmax: ({ value, axis, output }) => [makeNode('Softmax', [value], [output], { axis })],
  norm: ({ value, axis, output }) => [makeNode('LpNormalization', [value], [output], { axis })],
  'running sum': ({ scene, value, axis, output }) => [
    makeNode('CumSum', [value, addConstant(scene, [axis], { scalar: true })], [output]),
  ],
  mean: ({ scene, value, axis, output }) => {
    const mean = scene.fresh();
    return [
      makeNode('ReduceMean', [value, addConstant(scene, [axis])], [mean], { keepdims: 1 }),
      makeNode('Sub', [value, mean], [output]),
    ];
  },
  maximum: ({ scene, value, axis, output }) => {
    const maximum = scene.fresh();
    return [
      makeNode('ReduceMax', [value, addConstant(scene, [axis])], [maximum], { keepdims: 1 }),
      makeNode('Sub', [value, maximum], [output]),
    ];
  },
  roll: ({ scene, value, axis, output }) => {
    const [first, rest] = [scene.fresh(), scene.fresh()];
    const [zero, at, end] = [addConstant(scene, [0]), one(scene), addConstant(scene, [1 << 20])];
    const axes = addConstant(scene, [axis]);
    return [
      makeNode('Slice', [value, zero, at, axes], [first]),
      makeNode('Slice', [value, at, end, axes], [rest]),
      makeNode('Concat', [rest, first], [output], { axis }),
    ];
  },
  reverse: ({ scene, value, axis, output }) => [
    makeNode(
      'Slice',
      [
        value,
        addConstant(scene, [-1]),
        addConstant(scene, [-(1 << 20)]),
        addConstant(scene, [axis]),
        addConstant(scene, [-1]),
      ],
      [output],
    ),
  ],
  shift: ({ scene, value, rank, axis, output }) => {
    const padded = scene.fresh();
    const pads = Array.from({ length: 2 * rank }, (_, at) => (at === axis ? 1 : 0));
    return [
      makeNode('Pad', [value, addConstant(scene, pads)], [padded]),
      makeNode(
        'Slice',
        [padded, addConstant(scene, [0]), addConstant(scene, [-1]), addConstant(scene, [axis])],
        [output],
      ),
    ];
  },
  'the first': ({ scene, value, axis, output }) => {
    const first = scene.fresh();
    const index = addConstant(scene, [0]);
    return [
      makeNode('Gather', [value, index], [first], { axis }),
      makeNode('Add', [value, first], [output]),
    ];
  },
  'by the number of tokens': ({ scene, value, output }) => {
    const [shape, count, number, scale] = [
      scene.fresh(),
      scene.fresh(),
      scene.fresh(),
      scene.fresh(),
    ];
    return [
      makeNode('Shape', [ports.embeddings], [shape]),
      makeNode('Gather', [shape, one(scene)], [count]),
      makeNode('Cast', [count], [number], { to: TensorProto_DataType.FLOAT }),
      makeNode('Sqrt', [number], [scale]),
      makeNode('Mul', [value, scale], [output]),
    ];
  },
  'by the mask': ({ scene, value, output }) => {
    const [number, sum, scale] = [scene.fresh(), scene.fresh(), scene.fresh()];
    return [
      makeNode('Cast', [ports.attentionMask], [number], { to: TensorProto_DataType.FLOAT }),
      makeNode('ReduceSum', [number, addConstant(scene, [1])], [sum], { keepdims: 1 }),
      makeNode('Log', [sum], [scale]),
      makeNode('Mul', [value, scale], [output]),
    ];
  },
  'by positions': ({ scene, value, rank, output }) => {
    const [number, scaled, column] = [scene.fresh(), scene.fresh(), scene.fresh()];
    const nodes = [
      makeNode('Cast', [ports.positionIds], [number], { to: TensorProto_DataType.FLOAT }),
      makeNode('Cos', [number], [scaled]),
      makeNode('Unsqueeze', [scaled, addConstant(scene, [-1])], [column]),
    ];
    return rank === 3 ? [...nodes, makeNode('Mul', [value, column], [output])] : [];
  },
  'neighbours along the last axis': ({ scene, value, rank, output }) => {
    if (rank !== 3) return [];
    const size = scene.shapes.get(value)?.at(1) ?? 1;
    // [batch, tokens, features]: tokens are the channels, one kernel each.
    const weight = scene.fresh();
    const numbers = addConstant(scene, [0.25, 0.5, 0.25], { floats: true });
    const form = addConstant(scene, [size, 1, 3]);
    return [
      makeNode('Expand', [numbers, form], [weight]),
      makeNode('Conv', [value, weight], [output], { group: size, pads: [1, 1] }),
    ];
  },
  'tokens with tokens': ({ scene, value, rank, output }) => {
    if (rank !== 3) return [];
    const [turned, products, weights] = [scene.fresh(), scene.fresh(), scene.fresh()];
    return [
      makeNode('Transpose', [value], [turned], { perm: [0, 2, 1] }),
      makeNode('MatMul', [value, turned], [products]),
      makeNode('Softmax', [products], [weights], { axis: 2 }),
      makeNode('MatMul', [weights, value], [output]),
    ];
  },
  'no change': ({ value, output }) => [makeNode('Identity', [value], [output])],
  'to float16 and back': ({ scene, value, output }) => {
    const half = scene.fresh();
    const { FLOAT, FLOAT16 } = TensorProto_DataType;
    return [
      makeNode('Cast', [value], [half], { to: FLOAT16 }),
      makeNode('Cast', [half], [output], { to: FLOAT }),
    ];
  },
  'turned twice': ({ scene, value, rank, axis, output }) => {
    const turned = scene.fresh();
    const perm = Array.from({ length: rank }, (_, at) => at);
    const other = (axis + 1) % rank;
    [perm[axis], perm[other]] = [other, axis];
    return [
      makeNode('Transpose', [value], [turned], { perm }),
      makeNode('Transpose', [turned], [output], { perm }),
    ];
  },
  'through one row': ({ scene, value, rank, output }) => {
    const [flat, shape] = [scene.fresh(), scene.fresh()];
    const last = addConstant(scene, [-1]);
    return rank < 2
      ? []
      : [
          makeNode('Shape', [value], [shape]),
          makeNode('Reshape', [value, last], [flat]),
          makeNode('Reshape', [flat, shape], [output]),
        ];
  },
  scaled: ({ scene, value, output }) => [
    makeNode('Mul', [value, addConstant(scene, [1.25], { floats: true })], [output]),
  ],
};

/** Puts an operator where a value is read, more often along the axis of the tokens than along others. */
export const insert: Mutation = (scene) => {
  const { random, shapes } = scene;
  const edges = edgesOf(scene).filter(({ value }) => (shapes.get(value)?.length ?? 0) > 0);
  const edge = random.pick(edges);
  const dims = edge && shapes.get(edge.value);
  const [name, insertion] = random.pick(Object.entries(insertions)) ?? [];
  if (!edge || !dims || !insertion) return undefined;
  const tokens = dims.indexOf(withImage.imageMask.length);
  const axis = tokens >= 0 && random.below(3) > 0 ? tokens : random.below(dims.length);
  const output = scene.fresh();
  const nodes = insertion({ scene, value: edge.value, rank: dims.length, axis, output });
  if (nodes.length === 0) return undefined;
  insertBefore(scene, edge.node, nodes);
  edge.node.input[edge.input] = output;
  return `${name} (axis ${axis} of [${dims}]) in front of input ${edge.input} of ${edge.node.opType}`;
};
