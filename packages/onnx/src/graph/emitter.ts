import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';
import type { Provenance, ProvenanceOf } from './provenance.js';

/** What a node's attribute can be given as; a plain number is written as an integer. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | TensorProto
  | { readonly float: number }
  | { readonly graph: GraphProto };

export interface EmitOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: string;
  /** Names of the outputs; left out, one fresh name is made. */
  readonly outputs?: readonly string[];
}

/**
 * Collects new nodes and constants for a graph. Names are made from a prefix and a running number,
 * so the same calls give the same graph.
 */
export interface Emitter {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  /** Version of the standard operator set that nodes are written for. */
  readonly opset: number;
  /** Of the nodes that this emitter, its children and its branches made. */
  readonly provenanceOf: ProvenanceOf;
  /** Adds a node; returns the name of its first output. */
  emit(opType: string, inputs: readonly string[], options?: EmitOptions): string;
  /** Adds a node that was made elsewhere. */
  add(node: NodeProto): void;
  /** The same, or the outputs of an equal node (operator, inputs, attributes) that there is already. */
  addOnce(node: NodeProto): readonly string[];
  /** A value in another element type, as ONNX numbers them. */
  cast(value: string, type: number): string;
  /** A float32 constant; equal scalars are made once. */
  float(value: number | Float32Array, dims?: readonly number[]): string;
  /** An int64 constant, a vector unless `dims` says otherwise. */
  int64(values: readonly number[], dims?: readonly number[]): string;
  /** An emitter for the same graph, whose names start with another prefix. */
  child(prefix: string, provenance?: Provenance): Emitter;
  /** An emitter for a graph inside a node of this one: names are shared, nodes and constants are its own. */
  branch(prefix: string, provenance?: Provenance): Emitter;
}

export interface EmitterSettings {
  /** Names start with it; `graph` if left out. */
  readonly prefix?: string;
  /** Gives the value of an equal node (operator, inputs, attributes) instead of making it again. */
  readonly reuses?: boolean;
}

/** What emitters of one model share, whatever graph they write. */
interface Shared {
  readonly opset: number;
  readonly reuses: boolean;
  readonly used: Set<string>;
  readonly counts: Map<string, number>;
  /** By a node's first output, which is its own in every graph of the model. */
  readonly provenance: Map<string, Provenance>;
}

/** What emitters of one graph share. */
interface Target {
  readonly nodes: NodeProto[];
  readonly initializers: TensorProto[];
  readonly constants: Map<string, string>;
  /** Outputs of each node that may be asked for again, by what it computes. */
  readonly made: Map<string, readonly string[]>;
}

/**
 * @param taken names that the graph uses already
 * @param opset version of the standard operator set
 */
export function createEmitter(
  taken: Iterable<string>,
  opset: number,
  { prefix = 'graph', reuses = false }: EmitterSettings = {},
): Emitter {
  const shared = {
    opset,
    reuses,
    used: new Set(taken),
    counts: new Map(),
    provenance: new Map(),
  };
  return emitterFor(shared, emptyTarget(), prefix, undefined);
}

const emptyTarget = (): Target => ({
  nodes: [],
  initializers: [],
  constants: new Map(),
  made: new Map(),
});

function emitterFor(
  shared: Shared,
  target: Target,
  prefix: string,
  provenance: Provenance | undefined,
): Emitter {
  const { used, counts, opset } = shared;
  const { nodes, initializers, constants, made } = target;
  const freshName = (hint: string) => {
    const base = `${prefix}/${hint}`;
    let name = base;
    for (let n = counts.get(base) ?? 1; used.has(name); n++) {
      name = `${base}_${n}`;
      counts.set(base, n + 1);
    }
    used.add(name);
    return name;
  };
  const constant = (
    kind: keyof typeof TensorProto_DataType,
    rawData: Uint8Array,
    dims: readonly number[],
    label: string,
  ) => {
    const key = `${kind}[${dims.join(',')}]${label}`;
    const known = constants.get(key);
    if (known) return known;
    let name = `constants/${key}`;
    while (used.has(name)) name += '_';
    used.add(name);
    constants.set(key, name);
    initializers.push(tensor(name, TensorProto_DataType[kind], dims, rawData));
    return name;
  };

  const emitter: Emitter = {
    nodes,
    initializers,
    opset,
    provenanceOf: (node) => shared.provenance.get(firstOutput(node)),
    add(node) {
      if (provenance) shared.provenance.set(firstOutput(node), provenance);
      nodes.push(node);
    },
    addOnce(node) {
      const key = keyOf(node);
      const known = key === undefined ? undefined : made.get(key);
      if (known) return known;
      if (key !== undefined) made.set(key, node.output);
      emitter.add(node);
      return node.output;
    },
    emit(opType, inputs, { attributes = {}, domain = '', outputs } = {}) {
      const attribute = Object.entries(attributes).map(([name, value]) => toAttribute(name, value));
      const node = create(NodeProtoSchema, { opType, domain, input: [...inputs], attribute });
      const key = shared.reuses && !outputs ? keyOf(node) : undefined;
      const known = key === undefined ? undefined : made.get(key);
      if (known) return known[0] ?? '';
      node.output = outputs ? [...outputs] : [freshName(opType)];
      const first = firstOutput(node);
      for (const name of node.output) used.add(name);
      if (key !== undefined) made.set(key, node.output);
      node.name = outputs ? freshName(opType) : first;
      emitter.add(node);
      return first;
    },
    cast: (value, type) => emitter.emit('Cast', [value], { attributes: { to: type } }),
    float(value, dims) {
      const data = typeof value === 'number' ? Float32Array.of(value) : value;
      const shape = dims ?? (typeof value === 'number' ? [] : [data.length]);
      const label = data.length === 1 ? `${data[0]}` : `${initializers.length}`;
      return constant('FLOAT', bytesOf(data), shape, label);
    },
    int64(values, dims = [values.length]) {
      const data = BigInt64Array.from(values, BigInt);
      return constant(
        'INT64',
        bytesOf(data),
        dims,
        data.length > 8 ? `${initializers.length}` : data.join(','),
      );
    },
    child: (next, origin = provenance) => emitterFor(shared, target, next, origin),
    branch: (next, origin = provenance) => emitterFor(shared, emptyTarget(), next, origin),
  };
  return emitter;
}

const firstOutput = ({ output }: NodeProto) => output.find((name) => name !== '') ?? '';

/** What a node computes, as text; undefined where tensors or graphs are attributes. */
function keyOf({ domain, opType, input, attribute }: NodeProto): string | undefined {
  if (attribute.some(({ t, g }) => t || g)) return undefined;
  const values = attribute.map(({ name, i, f, s, ints }) => [name, `${i}`, f, `${s}`, `${ints}`]);
  return JSON.stringify([domain, opType, input, values]);
}

/** A tensor with its data inline, little-endian. */
export function tensor(
  name: string,
  dataType: TensorProto_DataType,
  dims: readonly number[],
  rawData: Uint8Array,
): TensorProto {
  return create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData });
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function toAttribute(name: string, value: AttributeValue): AttributeProto {
  const Type = AttributeProto_AttributeType;
  const encoder = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: Type.STRING, s: encoder(value) });
  }
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
  }
  if ('dataType' in value) {
    return create(AttributeProtoSchema, { name, type: Type.TENSOR, t: value });
  }
  if ('float' in value) {
    return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float });
  }
  if ('graph' in value) {
    return create(AttributeProtoSchema, { name, type: Type.GRAPH, g: value.graph });
  }
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}
