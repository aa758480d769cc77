import {
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
  type ValueInfoProto,
} from '../proto/onnx_pb.js';
import { allGraphs } from './subgraphs.js';

/** One place where a value is read. */
export interface Use {
  readonly node: NodeProto;
  /** Index among the node's inputs. */
  readonly input: number;
}

/** Who makes and who reads each value of a graph. Built once for each pass; names are values. */
export interface GraphIndex {
  readonly graph: GraphProto;
  readonly producer: ReadonlyMap<string, NodeProto>;
  readonly uses: ReadonlyMap<string, readonly Use[]>;
  readonly initializer: ReadonlyMap<string, TensorProto>;
  readonly input: ReadonlyMap<string, ValueInfoProto>;
}

/** The node that makes each value; an output that is left out, an empty name, is no value. */
export function producersOf(nodes: Iterable<NodeProto>): Map<string, NodeProto> {
  const producer = new Map<string, NodeProto>();
  for (const node of nodes) {
    for (const name of node.output) if (name !== '') producer.set(name, node);
  }
  return producer;
}

/** Indexes a graph. */
export function indexGraph(graph: GraphProto): GraphIndex {
  const producer = producersOf(graph.node);
  const uses = new Map<string, Use[]>();
  for (const node of graph.node) {
    node.input.forEach((name, input) => {
      if (name === '') return;
      const list = uses.get(name);
      if (list) list.push({ node, input });
      else uses.set(name, [{ node, input }]);
    });
  }
  const initializer = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const input = new Map(
    graph.input.filter(({ name }) => !initializer.has(name)).map((info) => [info.name, info]),
  );
  return { graph, producer, uses, initializer, input };
}

/** The value at an input of a node; undefined if it is left out. */
export function inputAt(node: NodeProto, index: number): string | undefined {
  return node.input[index] || undefined;
}

/** The value at an output of a node; undefined if it is left out. */
export function outputAt(node: NodeProto, index: number): string | undefined {
  return node.output[index] || undefined;
}

/** An attribute of a node. */
export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((candidate) => candidate.name === name);
}

/** An integer attribute, or the operator's default. */
export function integerAttribute(node: NodeProto, name: string, fallback: number): number {
  const found = attribute(node, name);
  return found ? Number(found.i) : fallback;
}

/** A float attribute, or the operator's default. */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return attribute(node, name)?.f ?? fallback;
}

/** Sizes of a graph input or output: numbers, names of symbols, or undefined where unknown. */
export function valueShape(info: ValueInfoProto | undefined): (number | string | undefined)[] {
  const type = info?.type?.value;
  if (type?.case !== 'tensorType') return [];
  return (type.value.shape?.dim ?? []).map(({ value }) => {
    if (value.case === 'dimValue') return Number(value.value);
    return value.case === 'dimParam' ? value.value : undefined;
  });
}

/** Element type of a graph input or output, as ONNX numbers it. */
export function elementType(info: ValueInfoProto | undefined): number | undefined {
  const type = info?.type?.value;
  return type?.case === 'tensorType' ? type.value.elemType : undefined;
}

/**
 * The nodes that make a value, back along their first inputs: each makes what the one before it reads. Ends
 * where a value is an input, and in a cycle.
 */
export function* makers(
  graph: Pick<GraphIndex, 'producer'>,
  value: string,
): Generator<NodeProto, void> {
  const seen = new Set<NodeProto>();
  for (let node = graph.producer.get(value); node && !seen.has(node); ) {
    seen.add(node);
    yield node;
    node = graph.producer.get(node.input[0] ?? '');
  }
}

/** A constant: an initializer, or what a Constant node holds; copies of it (Identity) are followed. */
export function constantTensor(graph: GraphIndex, name: string): TensorProto | undefined {
  const known = graph.initializer.get(name);
  if (known) return known;
  for (const node of makers(graph, name)) {
    if (node.opType === 'Constant') return attribute(node, 'value')?.t;
    if (node.opType !== 'Identity') return undefined;
    const initializer = graph.initializer.get(node.input[0] ?? '');
    if (initializer) return initializer;
  }
  return undefined;
}

/** Concats inside each other that a constant is followed through. */
const mostConcats = 4;

/** Shape of a constant, also of one that is transposed, cast, dequantized or joined of others in the graph. */
export function constantShape(
  graph: GraphIndex,
  name: string,
  concats = mostConcats,
): number[] | undefined {
  const changes: ((shape: number[]) => number[])[] = [];
  let tensor = constantTensor(graph, name);
  for (const node of tensor ? [] : makers(graph, name)) {
    if (node.opType === 'Transpose') {
      const order = attribute(node, 'perm')?.ints.map(Number);
      changes.push((shape) => order?.map((axis) => shape[axis] ?? 0) ?? shape.reverse());
    } else if (node.opType === 'Concat') {
      const shapes = node.input.map((input) =>
        concats > 0 ? constantShape(graph, input, concats - 1) : undefined,
      );
      return changed(joinedShape(shapes, integerAttribute(node, 'axis', 0)));
    } else if (node.opType !== 'Cast' && node.opType !== 'DequantizeLinear') return undefined;
    tensor = constantTensor(graph, node.input[0] ?? '');
    if (tensor) break;
  }
  return changed(tensor?.dims.map(Number));

  function changed(shape: number[] | undefined): number[] | undefined {
    return shape && changes.reduceRight((known, change) => change(known), shape);
  }
}

/** The shape of values that are joined along an axis; undefined if one is not known. */
function joinedShape(
  shapes: readonly (readonly number[] | undefined)[],
  axis: number,
): number[] | undefined {
  const [first] = shapes;
  const at = axis < 0 ? axis + (first?.length ?? 0) : axis;
  let total = 0;
  for (const shape of shapes) {
    if (shape?.length !== first?.length) return undefined;
    total += shape?.[at] ?? 0;
  }
  return first?.map((size, other) => (other === at ? total : size));
}

/** The integers of a small inline constant; undefined for anything else. */
export function constantIntegers(graph: GraphIndex, name: string): number[] | undefined {
  return tensorIntegers(constantTensor(graph, name));
}

/** What a tensor of int64 holds; undefined for any other. */
export function tensorIntegers(tensor: TensorProto | undefined): number[] | undefined {
  if (tensor?.dataType !== TensorProto_DataType.INT64) return undefined;
  if (tensor.int64Data.length > 0) return tensor.int64Data.map(Number);
  const { buffer, byteOffset, byteLength } = tensor.rawData.slice();
  const bytes = new DataView(buffer, byteOffset, byteLength);
  return Array.from({ length: byteLength / 8 }, (_, i) => Number(bytes.getBigInt64(8 * i, true)));
}

/** Integers that a node takes as an attribute, or as an input in newer operator sets. */
export function integersOf(
  { graph, node }: { readonly graph: GraphIndex; readonly node: NodeProto },
  name: string,
  input: number,
): readonly number[] | undefined {
  const found = attribute(node, name);
  if (found) return found.ints.length > 0 ? found.ints.map(Number) : [Number(found.i)];
  return constantIntegers(graph, inputAt(node, input) ?? '');
}

/** Every value of a graph and of the graphs inside it: inputs, constants, what nodes make. */
export function valuesIn(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const own of allGraphs(graph)) {
    for (const { name } of [...own.input, ...own.initializer]) names.add(name);
    for (const { values } of own.sparseInitializer) if (values) names.add(values.name);
    for (const node of own.node) for (const name of node.output) names.add(name);
  }
  return names;
}

/** Every name of a graph and of the graphs inside it: inputs, outputs, constants, nodes, values. */
export function namesIn(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const own of allGraphs(graph)) {
    for (const { name } of [...own.input, ...own.output, ...own.initializer]) names.add(name);
    for (const node of own.node) for (const name of [node.name, ...node.output]) names.add(name);
  }
  return names;
}

/** An operator's name, with the domain of those that are not standard. */
export function operatorName({ domain, opType }: NodeProto): string {
  return domain ? `${domain}.${opType}` : opType;
}

/** How a node is called in messages: its name and operator. */
export function describeNode(node: NodeProto): string {
  return `${node.opType} node "${node.name || node.output[0] || '(unnamed)'}"`;
}
