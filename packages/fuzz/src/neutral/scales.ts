/**
 * Values inside modules that are multiplied by a power of two, and what is made of them divided by it again: right
 * behind, or as far on as every operator on the way hands a factor on. What is exact in a float changes no answer.
 */
import { create } from '@bufbuild/protobuf';
import { cachePort } from '@transprune/core';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
} from '@transprune/onnx/proto';
import { addConstant, makeNode } from '../mutations/mutation.js';
import type { NeutralChange, NeutralScene } from './scene.js';

/** Hand the factor of their first input on. */
const carrying: ReadonlySet<string> = new Set([
  ...['Cast', 'Expand', 'Gather', 'Identity', 'Neg', 'ReduceMean', 'ReduceSum', 'Relu', 'Reshape'],
  ...['RotaryEmbedding', 'Slice', 'Split', 'Squeeze', 'Tile', 'Transpose', 'Unsqueeze'],
]);

/** Ask for the same factor of all that they put together. */
const joining: ReadonlySet<string> = new Set(['Add', 'Concat', 'Sub']);

const multiplying: ReadonlySet<string> = new Set(['FusedMatMul', 'MatMul', 'Mul']);

/** Where operators of attention take queries, keys, values, and past keys. */
const attentionInputs: Readonly<Record<string, readonly number[]>> = {
  Attention: [0, 1, 2, 4],
  GroupQueryAttention: [0, 1, 2, 3],
  MultiHeadAttention: [0, 1, 2, 6],
};

/** Factors of a node's outputs; undefined where it asks for its inputs as they were. */
type Made = readonly number[] | undefined;

/** A graph on its way through a change. */
interface Site {
  readonly scene: NeutralScene;
  readonly node: NodeProto;
  /** Of each input. */
  readonly factors: readonly number[];
  readonly sizes: (name: string) => readonly number[];
}

/** What a node makes of its inputs' factors; an operator of attention may be told another scale. */
function factorsMade({ scene, node, factors, sizes }: Site): Made {
  const [first = 1, second = 1] = factors;
  const all = (factor: number) => node.output.map(() => factor);
  const areOnly = (indices: readonly number[]) =>
    factors.every((factor, at) => factor === 1 || indices.includes(at));
  const isNumber = node.opType !== 'Cast' || scene.floats.has(node.output[0] ?? '');
  if (carrying.has(node.opType)) return areOnly([0]) && isNumber ? all(first) : undefined;
  if (multiplying.has(node.opType)) return all(first * second);
  if (node.opType === 'Div') return all(first / second);
  if (joining.has(node.opType)) {
    // A cache holds what was joined to it.
    const isPast = (name: string) =>
      cachePort(name) !== undefined && scene.graph.input.some((input) => input.name === name);
    const isCache = node.opType === 'Concat' && isPast(node.input[0] ?? '');
    const [own = 1, ...others] = isCache ? factors.slice(1) : factors;
    return others.every((other) => other === own) ? all(own) : undefined;
  }
  const places = attentionInputs[node.opType];
  return places && areOnly(places.slice(0, 3))
    ? ofAttention({ scene, node, factors, sizes }, places)
    : undefined;
}

function ofAttention(
  { scene, node, factors, sizes }: Site,
  [q = 0, k = 0, v = 0, past = 0]: readonly number[],
): Made {
  const { graph } = scene;
  const [keys, pastKeys] = [node.input[k] ?? '', node.input[past] ?? ''];
  const isOwnCache = pastKeys === '' || graph.input.some(({ name }) => name === pastKeys);
  // Norms of heads, and biases of all three.
  const isPlain = node.input.slice(14).every((name) => name === '');
  const hasBias = node.opType === 'MultiHeadAttention' && (node.input[3] ?? '') !== '';
  if (!isOwnCache || !isPlain || hasBias) return undefined;
  const [own = 1] = factors;
  const [ofQueries = 1, ofKeys = 1, ofValues = 1] =
    keys === '' ? [own, own, own] : [factors[q], factors[k], factors[v]];
  const told = numberOf(node, 'scale');
  const scale = told || 1 / Math.sqrt(headSize(node, sizes(node.input[q] ?? '')));
  if (!Number.isFinite(scale)) return undefined;
  if (ofQueries * ofKeys !== 1) setNumber(node, 'scale', scale / (ofQueries * ofKeys));
  return [ofValues, ofKeys, ofValues].slice(0, node.output.length);
}

const numberOf = ({ attribute }: NodeProto, wanted: string) =>
  attribute.find(({ name }) => name === wanted)?.f ?? 0;

const countOf = ({ attribute }: NodeProto, wanted: string) =>
  Number(attribute.find(({ name }) => name === wanted)?.i ?? 0n);

function setNumber(node: NodeProto, name: string, f: number): void {
  node.attribute = [
    ...node.attribute.filter((own) => own.name !== name),
    create(AttributeProtoSchema, { name, f, type: AttributeProto_AttributeType.FLOAT }),
  ];
}

/** Of queries in heads or side by side. */
function headSize(node: NodeProto, sizes: readonly number[]): number {
  const last = sizes.at(-1) ?? Number.NaN;
  if (sizes.length === 4) return last;
  const heads = countOf(node, node.opType === 'Attention' ? 'q_num_heads' : 'num_heads');
  const isPacked = node.opType === 'GroupQueryAttention' && (node.input[1] ?? '') === '';
  return last / (isPacked ? heads + 2 * countOf(node, 'kv_num_heads') : heads);
}

const isPresent = (name: string) => name.startsWith('present');

/** How a change goes through a graph. */
interface Course {
  /** Values, and what to multiply them by. */
  readonly starts: ReadonlyMap<string, number>;
  /** Whether a node that might hand factors on is to have its inputs as they were. */
  readonly stops: () => boolean;
}

/** Multiplies some values, and divides what is made of them again where factors end. */
function carry(scene: NeutralScene, { starts, stops }: Course): void {
  const { graph, shapes, joins } = scene;
  const factors = new Map<string, number>();
  const renamed = new Map<string, string>();
  const sizes = new Map(shapes);
  const outputs = new Set(graph.output.map(({ name }) => name));
  const times = (value: string, factor: number): { node: NodeProto; output: string } => {
    const output = scene.fresh();
    const constant = addConstant(scene, [factor], { floats: true, scalar: true });
    sizes.set(output, sizes.get(value) ?? []);
    return { node: makeNode('Mul', [value, constant], [output]), output };
  };
  const nodes: NodeProto[] = [];
  for (const node of graph.node) {
    node.input = node.input.map((name) => renamed.get(name) ?? name);
    const own = node.input.map((name) => factors.get(name) ?? 1);
    if (own.some((factor) => factor !== 1)) {
      const isFixed = node.output.some(
        (name) => joins.has(name) || (outputs.has(name) && !isPresent(name)),
      );
      // What a cache was joined to is given out as it is.
      const givesCache = carrying.has(node.opType) && node.output.some(isPresent);
      const site = { scene, node, factors: own, sizes: (name: string) => sizes.get(name) ?? [] };
      const made = isFixed || (!givesCache && stops()) ? undefined : factorsMade(site);
      if (!made) {
        node.input = node.input.map((name, at) => {
          const factor = own[at] ?? 1;
          if (factor === 1) return name;
          const undone = times(name, 1 / factor);
          nodes.push(undone.node);
          return undone.output;
        });
      }
      node.output.forEach((name, at) => {
        factors.set(name, made?.[at] ?? 1);
      });
    }
    nodes.push(node);
    for (const name of node.output) {
      const factor = starts.get(name);
      if (factor === undefined) continue;
      const scaled = times(name, factor);
      nodes.push(scaled.node);
      renamed.set(name, scaled.output);
      factors.set(scaled.output, factor * (factors.get(name) ?? 1));
    }
  }
  graph.node = nodes;
}

const powers = [8, 4, 2, 0.5, 0.25, 0.125];

/** Inner values; those that the graph gives out are read by others as they are. */
const startsOf = ({ inner, floats }: NeutralScene) => [...inner].filter((name) => floats.has(name));

/** Multiplies one to three values inside modules. */
export const rescale: NeutralChange = (scene) => {
  const { random } = scene;
  const starts = new Map<string, number>();
  for (let count = 1 + random.below(3); count > 0; count--) {
    const value = random.pick(startsOf(scene));
    if (value !== undefined) starts.set(value, random.pick(powers) ?? 1);
  }
  if (starts.size === 0) return undefined;
  const isReluctant = random.below(3) === 0;
  carry(scene, { starts, stops: () => isReluctant && random.below(4) === 0 });
  return `scaled: ${textOf(starts)}`;
};

/** Multiplies queries and divides keys, or the other way round, each somewhere on its way to their product. */
export const rescalePair: NeutralChange = (scene) => {
  const { graph, random, inner, floats } = scene;
  const isInner = (name: string | undefined) =>
    name !== undefined && inner.has(name) && floats.has(name);
  const pairs = graph.node.filter(
    ({ opType, input }) =>
      (opType in attentionInputs || multiplying.has(opType)) &&
      isInner(input[0]) &&
      isInner(input[1]),
  );
  const node = random.pick(pairs);
  if (!node) return undefined;
  const factor = random.pick(powers) ?? 1;
  const makers = new Map(graph.node.flatMap((each) => each.output.map((name) => [name, each])));
  const upstream = (name: string) => {
    let value = name;
    for (let steps = random.below(7); steps > 0; steps--) {
      const next = random.pick(makers.get(value)?.input.filter(isInner) ?? []);
      if (next === undefined) break;
      value = next;
    }
    return value;
  };
  const [a = '', b = ''] = node.input;
  const starts = new Map([
    [upstream(a), factor],
    [upstream(b), 1 / factor],
  ]);
  carry(scene, { starts, stops: () => false });
  return `scaled on the way to ${node.opType}: ${textOf(starts)}`;
};

const textOf = (starts: ReadonlyMap<string, number>) =>
  [...starts].map(([name, factor]) => `${name} by ${factor}`).join(', ');

/** Weights of a product inside a module, multiplied, and its result divided; or the next weights. */
export const rescaleWeight: NeutralChange = (scene) => {
  const { graph, random, inner } = scene;
  const weights = new Set(graph.initializer.map(({ name }) => name));
  const node = random.pick(
    graph.node.filter(
      ({ opType, input, output }) =>
        opType === 'MatMul' && weights.has(input[1] ?? '') && inner.has(output[0] ?? ''),
    ),
  );
  const made = node?.output[0];
  if (!node || made === undefined) return undefined;
  const factor = random.pick(powers) ?? 1;
  const number = addConstant(scene, [factor], { floats: true, scalar: true });
  const scaled = scene.fresh();
  const at = graph.node.indexOf(node);
  graph.node.splice(at, 0, makeNode('Mul', [node.input[1] ?? '', number], [scaled]));
  node.input[1] = scaled;
  // What the node made before is now a product of what it makes.
  const inside = scene.fresh();
  node.output[0] = inside;
  const back = addConstant(scene, [1 / factor], { floats: true, scalar: true });
  graph.node.splice(at + 2, 0, makeNode('Mul', [inside, back], [made]));
  return `weight of ${made} by ${factor}, and divided behind`;
};

/** A product with a weight as a sum of two, or as two side by side, or with the weight turned twice. */
export const splitWeight: NeutralChange = (scene) => {
  const { graph, random, shapes } = scene;
  const weights = new Map(graph.initializer.map(({ name, dims }) => [name, dims.map(Number)]));
  const node = random.pick(
    graph.node.filter(
      ({ opType, input, output }) =>
        opType === 'MatMul' &&
        weights.get(input[1] ?? '')?.length === 2 &&
        shapes.has(output[0] ?? ''),
    ),
  );
  const [x = '', weight = ''] = node?.input ?? [];
  const output = node?.output[0] ?? '';
  const [, columns = 0] = weights.get(weight) ?? [];
  if (!node) return undefined;
  const made = () => scene.fresh();
  const way = random.below(3);
  const at = graph.node.indexOf(node);
  if (way === 0) {
    const perm = [1, 0];
    const [turned, back] = [made(), made()];
    graph.node.splice(
      at,
      0,
      makeNode('Transpose', [weight], [turned], { perm }),
      makeNode('Transpose', [turned], [back], { perm }),
    );
    node.input[1] = back;
    return `weight of ${output} turned twice`;
  }
  const [wa, wb, a, b] = [made(), made(), made(), made()];
  const number = (share: number) => addConstant(scene, [share], { floats: true, scalar: true });
  const half = Math.floor(columns / 2);
  const parts =
    way === 1
      ? [
          makeNode('Mul', [weight, number(0.25)], [wa]),
          makeNode('Mul', [weight, number(0.75)], [wb]),
        ]
      : [
          makeNode('Split', [weight, addConstant(scene, [half, columns - half])], [wa, wb], {
            axis: 1,
          }),
        ];
  const join =
    way === 1
      ? makeNode('Add', [a, b], [output])
      : makeNode('Concat', [a, b], [output], { axis: -1 });
  graph.node.splice(
    at,
    1,
    ...parts,
    makeNode('MatMul', [x, wa], [a]),
    makeNode('MatMul', [x, wb], [b]),
    join,
  );
  return `product that makes ${output} in two, ${way === 1 ? 'added' : 'side by side'}`;
};
