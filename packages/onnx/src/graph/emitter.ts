import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';

/** What a node's attribute can be given as; a plain number is written as an integer. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | TensorProto
  | { readonly float: number };

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
  /** Adds a node; returns the name of its first output. */
  emit(opType: string, inputs: readonly string[], options?: EmitOptions): string;
  /** A value in another element type. */
  cast(value: string, type: TensorProto_DataType): string;
  /** A float32 constant; equal scalars are made once. */
  float(value: number | Float32Array, dims?: readonly number[]): string;
  /** An int64 constant, a vector unless `dims` says otherwise. */
  int64(values: readonly number[], dims?: readonly number[]): string;
  /** Names that follow start with this prefix. */
  scope(prefix: string): void;
}

/**
 * @param taken names that the graph uses already
 * @param opset version of the standard operator set
 */
export function createEmitter(taken: Iterable<string>, opset: number): Emitter {
  const used = new Set(taken);
  const constants = new Map<string, string>();
  const nodes: NodeProto[] = [];
  const initializers: TensorProto[] = [];
  let prefix = 'graph';

  const counts = new Map<string, number>();
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
    scope(next) {
      prefix = next;
    },
    emit(opType, inputs, { attributes = {}, domain = '', outputs } = {}) {
      const output = outputs ? [...outputs] : [freshName(opType)];
      const first = output.find((name) => name !== '') ?? '';
      for (const name of output) used.add(name);
      nodes.push(
        create(NodeProtoSchema, {
          name: outputs ? freshName(opType) : first,
          opType,
          domain,
          input: [...inputs],
          output,
          attribute: Object.entries(attributes).map(([name, value]) => toAttribute(name, value)),
        }),
      );
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
  };
  return emitter;
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
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}
