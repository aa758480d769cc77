import { create } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
} from '@transprune/onnx/proto';
import type { Random } from '../random.js';

/** A graph that is changed in place, and what is known of it. */
export interface Scene {
  readonly graph: GraphProto;
  readonly random: Random;
  /** Sizes of values in a prefill of the graph before it was changed. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Values that have to stay, for the oracle cuts there. */
  readonly cuts: ReadonlySet<string>;
  /** A name that no value of the graph has. */
  readonly fresh: () => string;
}

/** Changes a scene's graph; answers what it did, or nothing if it found no place. */
export type Mutation = (scene: Scene) => string | undefined;

/** A place where a node reads a value. */
export interface Edge {
  readonly node: NodeProto;
  readonly input: number;
  readonly value: string;
}

/** Places where nodes read what other nodes make. */
export function edgesOf({ graph }: Scene): Edge[] {
  const made = new Set(graph.node.flatMap(({ output }) => output));
  return graph.node.flatMap((node) =>
    node.input.flatMap((value, input) => (made.has(value) ? [{ node, input, value }] : [])),
  );
}

/** Puts nodes in front of one. */
export function insertBefore({ graph }: Scene, node: NodeProto, nodes: readonly NodeProto[]): void {
  graph.node.splice(graph.node.indexOf(node), 0, ...nodes);
}

/** Attributes are integers, or lists of them. */
export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([name, value]) =>
      create(
        AttributeProtoSchema,
        typeof value === 'number'
          ? { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) }
          : { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) },
      ),
    ),
  });
}

/** Adds a constant and answers its name: whole numbers, or with `floats` float32. */
export function addConstant(
  { graph, fresh }: Scene,
  values: readonly number[],
  { floats = false, scalar = false } = {},
): string {
  const name = fresh();
  const { FLOAT, INT64 } = TensorProto_DataType;
  graph.initializer.push(
    create(TensorProtoSchema, {
      name,
      dataType: floats ? FLOAT : INT64,
      dims: scalar ? [] : [BigInt(values.length)],
      ...(floats ? { floatData: [...values] } : { int64Data: values.map(BigInt) }),
    }),
  );
  return name;
}
