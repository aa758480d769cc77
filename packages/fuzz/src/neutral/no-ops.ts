/** Operators that give out what they are given, put where a value is read or behind it; operands that change places. */
import { type NodeProto, TensorProto_DataType } from '@transprune/onnx/proto';
import { addConstant, insertBefore, makeNode } from '../mutations/mutation.js';
import { floatEdges, type NeutralChange, type NeutralScene, readInstead } from './scene.js';

interface Place {
  readonly scene: NeutralScene;
  readonly value: string;
  readonly dims: readonly number[];
  readonly output: string;
}

/** Empty where it does not fit. */
type NoOp = (place: Place) => NodeProto[];

const { FLOAT, DOUBLE } = TensorProto_DataType;
const end = 1 << 20;

/** Two operators, one after the other. */
const twice = (
  { scene, value, output }: Place,
  make: (value: string, output: string) => NodeProto,
  back = make,
) => {
  const between = scene.fresh();
  return [make(value, between), back(between, output)];
};

const withNumber =
  (opType: string, number: number, scalar: boolean): NoOp =>
  ({ scene, value, output }) => {
    const constant = addConstant(scene, [number], { floats: true, scalar });
    return [makeNode(opType, [value, constant], [output])];
  };

const noOps: Readonly<Record<string, NoOp>> = {
  Identity: ({ value, output }) => [makeNode('Identity', [value], [output])],
  'to float64 and back': (place) =>
    twice(
      place,
      (value, output) => makeNode('Cast', [value], [output], { to: DOUBLE }),
      (value, output) => makeNode('Cast', [value], [output], { to: FLOAT }),
    ),
  'turned twice': (place) => {
    const rank = place.dims.length;
    const perm = [...place.dims.keys()];
    const at = rank < 2 ? 0 : place.scene.random.below(rank - 1);
    [perm[at], perm[at + 1]] = [at + 1, at];
    return rank < 2 ? [] : twice(place, (v, o) => makeNode('Transpose', [v], [o], { perm }));
  },
  'through one row': ({ scene, value, output }) => {
    const [flat, shape] = [scene.fresh(), scene.fresh()];
    return [
      makeNode('Shape', [value], [shape]),
      makeNode('Reshape', [value, addConstant(scene, [-1])], [flat]),
      makeNode('Reshape', [flat, shape], [output]),
    ];
  },
  'features in two rows and back': (place) => {
    const { scene, dims } = place;
    const last = dims.at(-1) ?? 1;
    if (dims.length < 2 || last % 2 !== 0) return [];
    const before = dims.slice(0, -1).map(() => 0);
    const [apart, back] = [
      addConstant(scene, [...before, 2, last / 2]),
      addConstant(scene, [...before, last]),
    ];
    return twice(
      place,
      (value, output) => makeNode('Reshape', [value, apart], [output]),
      (value, output) => makeNode('Reshape', [value, back], [output]),
    );
  },
  'unsqueezed and squeezed': (place) => {
    const axes = addConstant(place.scene, [place.scene.random.below(place.dims.length + 1)]);
    return twice(
      place,
      (value, output) => makeNode('Unsqueeze', [value, axes], [output]),
      (value, output) => makeNode('Squeeze', [value, axes], [output]),
    );
  },
  'split and joined': ({ scene, value, dims, output }) => {
    const last = dims.at(-1) ?? 1;
    if (last % 2 !== 0) return [];
    const [a, b] = [scene.fresh(), scene.fresh()];
    const sizes = addConstant(scene, [last / 2, last / 2]);
    return [
      makeNode('Split', [value, sizes], [a, b], { axis: -1 }),
      makeNode('Concat', [a, b], [output], { axis: -1 }),
    ];
  },
  'a slice of all': ({ scene, value, dims, output }) => {
    const [from, to] = [addConstant(scene, [0]), addConstant(scene, [end])];
    const axis = addConstant(scene, [scene.random.below(dims.length)]);
    return [makeNode('Slice', [value, from, to, axis], [output])];
  },
  'features in their order': ({ scene, value, dims, output }) => {
    const order = addConstant(scene, [...Array(dims.at(-1) ?? 1).keys()]);
    return [makeNode('Gather', [value, order], [output], { axis: dims.length - 1 })];
  },
  'times 1': withNumber('Mul', 1, true),
  'times [1]': withNumber('Mul', 1, false),
  'divided by 1': withNumber('Div', 1, true),
  'plus 0': withNumber('Add', 0, true),
  'plus [0]': withNumber('Add', 0, false),
  'less 0': withNumber('Sub', 0, true),
  'negative twice': (place) => twice(place, (v, o) => makeNode('Neg', [v], [o])),
  'times 8, divided by 8': (place) => {
    const eight = addConstant(place.scene, [8], { floats: true, scalar: true });
    return twice(
      place,
      (value, output) => makeNode('Mul', [value, eight], [output]),
      (value, output) => makeNode('Div', [value, eight], [output]),
    );
  },
  'a quarter and the rest': ({ scene, value, output }) => {
    const [a, b] = [scene.fresh(), scene.fresh()];
    const number = (share: number) => addConstant(scene, [share], { floats: true, scalar: true });
    return [
      makeNode('Mul', [value, number(0.25)], [a]),
      makeNode('Mul', [value, number(0.75)], [b]),
      makeNode('Add', [a, b], [output]),
    ];
  },
};

/** Puts operators that change nothing where a value is read, or where all read it. */
export const noOp: NeutralChange = (scene) => {
  const { random, shapes } = scene;
  const sizesOf = (value: string) => shapes.get(value) ?? declared(scene, value);
  const edges = floatEdges(scene).filter(({ value }) => sizesOf(value).length > 0);
  const isInner = random.below(2) > 0;
  const edge = random.pick(isInner ? edges.filter(({ value }) => scene.inner.has(value)) : edges);
  const [name, make] = random.pick(Object.entries(noOps)) ?? [];
  if (!edge || !make) return undefined;
  const output = scene.fresh();
  const { value, node } = edge;
  const nodes = make({ scene, value, dims: sizesOf(value), output });
  if (nodes.length === 0) return undefined;
  if (random.below(3) === 0) {
    readInstead(scene, value, nodes, output);
    return `${name} behind ${value}`;
  }
  insertBefore(scene, node, nodes);
  node.input[edge.input] = output;
  return `${name} in front of input ${edge.input} of ${node.opType}, ${value}`;
};

/** Sizes of an input, 1 for what is no number. */
function declared({ graph }: NeutralScene, value: string): number[] {
  const type = graph.input.find(({ name }) => name === value)?.type?.value;
  const dims = type?.case === 'tensorType' ? (type.value.shape?.dim ?? []) : [];
  return dims.map(({ value: size }) => (size.case === 'dimValue' ? Number(size.value) : 1));
}

const symmetric: ReadonlySet<string> = new Set([
  'Add',
  'Max',
  'Mul',
  'SkipSimplifiedLayerNormalization',
]);

/** The operands of a sum or a product change places. */
export const swapOperands: NeutralChange = ({ graph, random }) => {
  const node = random.pick(graph.node.filter(({ opType }) => symmetric.has(opType)));
  const [a = '', b = '', ...others] = node?.input ?? [];
  if (!node || a === b) return undefined;
  node.input = [b, a, ...others];
  return `operands of ${node.opType} swapped: ${b}, ${a}`;
};
