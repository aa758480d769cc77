/** Attributes, constants, operators, order and names. */
import { TensorProto_DataType } from '@transprune/onnx/proto';
import type { Mutation } from './mutation.js';

/** Changes a number among a node's attributes. */
export const changeAttribute: Mutation = ({ graph, random }) => {
  const found = graph.node.flatMap((node) =>
    node.attribute.map((attribute) => ({ node, attribute })),
  );
  const place = random.pick(found);
  if (!place) return undefined;
  const { node, attribute } = place;
  const change = random.pick([-1, 1, 2, -2]) ?? 1;
  if (attribute.ints.length > 0) {
    const at = random.below(attribute.ints.length);
    attribute.ints[at] = (attribute.ints[at] ?? 0n) + BigInt(change);
  } else {
    attribute.i += BigInt(change);
    attribute.f = attribute.f * 2 + change;
  }
  return `${attribute.name} of ${node.opType} changed by ${change}`;
};

/** Leaves an attribute out, so that its default holds. */
export const dropAttribute: Mutation = ({ graph, random }) => {
  const node = random.pick(graph.node.filter(({ attribute }) => attribute.length > 0));
  const attribute = node && random.pick(node.attribute);
  if (!node || !attribute) return undefined;
  node.attribute.splice(node.attribute.indexOf(attribute), 1);
  return `${node.opType} without ${attribute.name}`;
};

/** Changes one number of a small constant: an axis, a start, a size. */
export const changeConstant: Mutation = ({ graph, random }) => {
  const { INT64 } = TensorProto_DataType;
  const inside = graph.node.flatMap(({ attribute }) =>
    attribute.flatMap(({ t }) => (t ? [t] : [])),
  );
  const small = [...graph.initializer, ...inside].filter(
    ({ dims, dataType }) => dataType === INT64 && dims.reduce((total, n) => total * n, 1n) <= 8n,
  );
  const tensor = random.pick(small);
  if (!tensor) return undefined;
  const change = BigInt(random.pick([-1, 1, 2]) ?? 1);
  if (tensor.int64Data.length > 0) {
    const at = random.below(tensor.int64Data.length);
    tensor.int64Data[at] = (tensor.int64Data[at] ?? 0n) + change;
  } else if (tensor.rawData.length >= 8) {
    // What came in shares its bytes with others.
    tensor.rawData = tensor.rawData.slice();
    const view = new DataView(tensor.rawData.buffer);
    const at = 8 * random.below(tensor.rawData.length / 8);
    view.setBigInt64(at, view.getBigInt64(at, true) + change, true);
  } else {
    return undefined;
  }
  return `a number of ${tensor.name} [${tensor.dims}] changed by ${change}`;
};

const siblings = [
  ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Pow'],
  ['Softmax', 'LogSoftmax', 'Hardmax'],
  [
    'Sigmoid',
    'Tanh',
    'Relu',
    'Softplus',
    'Erf',
    'Exp',
    'Abs',
    'Neg',
    'Sqrt',
    'Reciprocal',
    'Identity',
  ],
  ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceL2', 'ReduceSumSquare'],
  ['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Equal'],
  ['And', 'Or', 'Xor'],
  ['Cos', 'Sin', 'Tan'],
  ['SimplifiedLayerNormalization', 'LayerNormalization', 'RMSNormalization'],
];

/** Takes another operator of the same form. */
export const changeOperator: Mutation = ({ graph, random }) => {
  const places = graph.node.flatMap((node) => {
    const list = siblings.find((each) => each.includes(node.opType));
    return list ? [{ node, list }] : [];
  });
  const place = random.pick(places);
  if (!place) return undefined;
  const { node, list } = place;
  const before = node.opType;
  node.opType = random.pick(list) ?? before;
  return `${node.opType} for ${before}`;
};

/** Gives a node the domain of another. */
export const changeDomain: Mutation = ({ graph, random }) => {
  const node = random.pick(graph.node);
  if (!node) return undefined;
  node.domain = random.pick(['', 'com.microsoft', 'custom']) ?? '';
  return `${node.opType} of domain "${node.domain}"`;
};

/** Puts a node at another place of the list. */
export const moveNode: Mutation = ({ graph, random }) => {
  const [node] = graph.node.splice(random.below(graph.node.length), 1);
  if (!node) return undefined;
  graph.node.splice(random.below(graph.node.length), 0, node);
  return `${node.opType} at another place of the list`;
};

/** Gives every inner value another name. */
export const renameAll: Mutation = ({ graph, cuts, fresh }) => {
  const made = graph.node.flatMap(({ output }) => output);
  const outer = new Set([...cuts, ...graph.output.map(({ name }) => name), '']);
  const inSubgraphs = graph.node.some(({ attribute }) =>
    attribute.some(({ g }) => g !== undefined),
  );
  if (inSubgraphs) return undefined;
  const renamed = new Map(made.filter((n) => !outer.has(n)).map((n) => [n, fresh()]));
  for (const node of graph.node) {
    node.name = '';
    node.input = node.input.map((name) => renamed.get(name) ?? name);
    node.output = node.output.map((name) => renamed.get(name) ?? name);
  }
  graph.valueInfo = [];
  return 'every inner value renamed';
};
