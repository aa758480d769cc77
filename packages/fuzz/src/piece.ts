/** Which part of a graph lies between two cuts, and as a graph of its own. */
import { clone, create } from '@bufbuild/protobuf';
import { ports } from '@transprune/core';
import {
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '@transprune/onnx/proto';
import type { Tensor } from 'onnxruntime-node';

/** Nodes by what they give. */
type Producers = ReadonlyMap<string, NodeProto>;

export interface Piece {
  /** Values of tokens that are made before the piece and read in it or after it. */
  readonly entering: readonly string[];
  /** Outputs of the whole graph that are made in the piece. */
  readonly outputs: readonly string[];
}

/**
 * The pieces that cuts leave, in order.
 *
 * @param cuts values that each separate what they are made of from the rest
 */
export function piecesOf(graph: GraphProto, cuts: readonly string[]): Piece[] {
  const producer = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const tokens = valuesOfTokens(graph);
  const ends = [...cuts.map((cut) => endOf(graph, producer, cut)), new Set(graph.node)];
  let before: ReadonlySet<NodeProto> = new Set();
  return ends.map((end) => {
    const made = new Set([...before].flatMap(({ output }) => output));
    const after = graph.node.filter((node) => !before.has(node));
    const read = new Set(after.flatMap(readsOf));
    const entering = [...read].filter((name) => made.has(name) && tokens.has(name));
    const upTo = new Set([...before, ...end]);
    const outputs = graph.output
      .map(({ name }) => name)
      .filter((name) => {
        const node = makerOf(producer, name);
        return node && upTo.has(node) && !before.has(node);
      });
    before = upTo;
    return { entering, outputs };
  });
}

/** A graph that takes values which it would have to make, and gives out others besides its own. */
export function pieceGraph(
  graph: GraphProto,
  entering: ReadonlyMap<string, Tensor>,
  leaving: readonly string[],
): GraphProto {
  const piece = clone(GraphProtoSchema, graph);
  for (const node of piece.node) {
    node.output = node.output.map((name) => (entering.has(name) ? `${name} before the cut` : name));
  }
  const taken = [...entering].map(([name, tensor]) => valueInfo(name, tensor));
  piece.input.push(...taken);
  const given = new Set(piece.output.map(({ name }) => name));
  for (const name of leaving) {
    if (!given.has(name)) piece.output.push(create(ValueInfoProtoSchema, { name }));
  }
  piece.output = piece.output.filter(({ name }) => !entering.has(name));
  return piece;
}

const elementTypes: Readonly<Record<string, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  bool: TensorProto_DataType.BOOL,
};

/** Of any number of tokens; the runtime asks for the number of axes, and of features. */
function valueInfo(name: string, { type, dims }: Tensor): ValueInfoProto {
  const elemType = elementTypes[type];
  if (elemType === undefined) throw new Error(`no ${type} crosses a cut`);
  const dim = dims.map((size, axis) => {
    const isLast = axis === dims.length - 1;
    return create(TensorShapeProto_DimensionSchema, {
      value: isLast
        ? { case: 'dimValue', value: BigInt(size) }
        : { case: 'dimParam', value: `${name}.${axis}` },
    });
  });
  const shape = create(TensorShapeProtoSchema, { dim });
  const value = create(TypeProto_TensorSchema, { elemType, shape });
  const info = create(TypeProtoSchema, { value: { case: 'tensorType', value } });
  return create(ValueInfoProtoSchema, { name, type: info });
}

/** Nodes up to a cut: what it is made of, and outputs that are not made of it, such as states of layers before it. */
function endOf(graph: GraphProto, producer: Producers, cut: string): ReadonlySet<NodeProto> {
  // One node may add to the stream and norm the sum.
  const after = new Set(producer.get(cut)?.output ?? [cut]);
  for (let size = -1; size !== after.size; ) {
    size = after.size;
    for (const node of graph.node) {
      if (readsOf(node).some((name) => after.has(name))) for (const o of node.output) after.add(o);
    }
  }
  const others = graph.output.map(({ name }) => name).filter((name) => !after.has(name));
  return ancestors(producer, [cut, ...others]);
}

/** Nodes that values are made by, directly or not. */
function ancestors(producer: Producers, values: readonly string[]): ReadonlySet<NodeProto> {
  const found = new Set<NodeProto>();
  const open = [...values];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producer.get(name);
    if (!node || found.has(node)) continue;
    found.add(node);
    open.push(...readsOf(node));
  }
  return found;
}

/** The node that a value comes from; one that passes on what another made is not it. */
function makerOf(producer: Producers, name: string): NodeProto | undefined {
  const passed = new Set<NodeProto>();
  let node = producer.get(name);
  while (node?.opType === 'Identity' && !passed.has(node)) {
    passed.add(node);
    node = producer.get(node.input[0] ?? '') ?? node;
  }
  return node;
}

/** Values made of what tokens carry, not of their number, mask or positions alone. */
function valuesOfTokens({ input, node }: GraphProto): ReadonlySet<string> {
  const derived: readonly string[] = [
    ports.attentionMask,
    ports.positionIds,
    ...ports.logitsToKeep,
  ];
  const found = new Set(input.map(({ name }) => name).filter((name) => !derived.includes(name)));
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const each of node) {
      if (each.opType === 'Shape' || each.opType === 'Size') continue;
      if (readsOf(each).some((name) => found.has(name))) for (const o of each.output) found.add(o);
    }
  }
  return found;
}

/** What a node reads, in its subgraphs too. */
function readsOf(node: NodeProto): string[] {
  const inner = node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
  const names = inner.flatMap((graph) => [
    ...graph.node.flatMap(readsOf),
    ...graph.output.map(({ name }) => name),
  ]);
  return [...node.input, ...names].filter((name) => name !== '');
}
