/** Runs decoders on hand-made feeds, without anything that the surgery or its sessions know. */
import { cachePort, elementCount, ports } from '@transprune/core';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { numbers } from './prompt.js';

/** Opens a graph on the CPU, with one thread and nothing printed. */
export function open(
  bytes: Uint8Array,
  weights: Readonly<Record<string, Uint8Array>>,
): Promise<InferenceSession> {
  const externalData = Object.entries(weights).map(([path, data]) => ({ path, data }));
  return InferenceSession.create(bytes, {
    externalData,
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
}

/** Tokens that a graph is fed. */
export interface Fed {
  /** What features are made of, besides their input's name. */
  readonly call: string;
  /** How much features differ from those: 0, or so little that only rounding is seen. */
  readonly nudge: number;
  /** Of the call's tokens, those that are fed. */
  readonly tokens: readonly number[];
  /** Tokens of the call. */
  readonly of: number;
  /** One a token that is fed. */
  readonly positions: readonly number[];
  /** Tokens in the caches. */
  readonly past: number;
  /** By their inputs' names; zeros where there is none. */
  readonly caches: ReadonlyMap<string, Tensor>;
  /** Other values for inputs, by name. */
  readonly given?: ReadonlyMap<string, Tensor>;
}

/** Of the fixtures whose caches have a symbol for it. */
const headSize = 16;

/** A tensor for each input of a graph, of the names that decoders have; features are random numbers of the name. */
export function feedsOf(session: InferenceSession, fed: Fed): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const input of session.inputMetadata) {
    if (input.isTensor) feeds[input.name] = fed.given?.get(input.name) ?? feedOf(input, fed);
  }
  return feeds;
}

type Input = InferenceSession.ValueMetadata & { readonly isTensor: true };

function feedOf({ name, type, shape }: Input, fed: Fed): Tensor {
  const count = fed.tokens.length;
  const fixed = (axis: number, other = 1) => {
    const size = shape.at(axis);
    return typeof size === 'number' && size > 0 ? size : other;
  };
  const cache = cachePort(name);
  if (cache) {
    const isState = cache.kind === 'conv' || cache.kind === 'recurrent';
    const dims = isState
      ? shape.map((_, axis) => fixed(axis))
      : [1, fixed(1), fed.past, fixed(3, headSize)];
    return (
      fed.caches.get(name) ?? new Tensor('float32', new Float32Array(elementCount(dims)), dims)
    );
  }
  if (name === ports.attentionMask) return integers(type, [1, fed.past + count], () => 1);
  if (name === ports.positionIds) {
    const dims = shape.length === 3 ? [fixed(0, 3), 1, count] : [1, count];
    return integers(type, dims, (at) => fed.positions[at % count] ?? 0);
  }
  if (ports.logitsToKeep.some((port) => port === name)) {
    return integers(type, shape.length === 0 ? [] : [1], () => count);
  }
  const isPerLayer = shape.length === 4 && typeof shape[2] === 'number';
  // Features of tokens: [batch, tokens, layers, features], else, such as embeddings, [..., tokens, hidden].
  if (isPerLayer) {
    const [layers, features] = [fixed(2), fixed(3)];
    const flat = feedOf(
      { name, type, shape: [1, 'tokens', layers * features], isTensor: true },
      fed,
    );
    return flat.reshape([1, count, layers, features]);
  }
  const rows = shape.slice(0, -2).reduce<number>((total, _, axis) => total * fixed(axis), 1);
  const width = fixed(-1);
  const all = numbers(`${name} ${fed.call}`, rows * fed.of * width);
  for (const at of all.keys()) all[at] = (all[at] ?? 0) * (1 + fed.nudge * Math.sin(at));
  const data = new Float32Array(rows * count * width);
  for (let row = 0; row < rows; row++) {
    fed.tokens.forEach((token, at) => {
      const from = (row * fed.of + token) * width;
      data.set(all.subarray(from, from + width), (row * count + at) * width);
    });
  }
  return new Tensor(type as 'float32', data, [
    ...shape.slice(0, -2).map((_, axis) => fixed(axis)),
    count,
    width,
  ]);
}

function integers(type: string, dims: readonly number[], value: (at: number) => number): Tensor {
  const data = BigInt64Array.from({ length: elementCount(dims) }, (_, at) => BigInt(value(at)));
  return type === 'int32'
    ? new Tensor('int32', Int32Array.from(data, Number), dims)
    : new Tensor('int64', data, dims);
}

/** Rows of a tensor along an axis. */
export function gather(tensor: Tensor, axis: number, rows: readonly number[]): Tensor {
  const size = tensor.dims[axis] ?? 1;
  const inner = elementCount(tensor.dims.slice(axis + 1));
  const outer = elementCount(tensor.dims.slice(0, axis));
  const data = tensor.data as Float32Array;
  const gathered = new (data.constructor as Float32ArrayConstructor)(outer * rows.length * inner);
  for (let at = 0; at < outer; at++) {
    rows.forEach((row, place) => {
      const from = (at * size + row) * inner;
      gathered.set(data.subarray(from, from + inner), (at * rows.length + place) * inner);
    });
  }
  return new Tensor(tensor.type as 'float32', gathered, tensor.dims.with(axis, rows.length));
}

/** Present caches as what the next call is fed. */
export function cachesOf(
  { inputNames }: InferenceSession,
  outputs: Readonly<Record<string, Tensor>>,
): ReadonlyMap<string, Tensor> {
  const caches = new Map<string, Tensor>();
  for (const input of inputNames) {
    const present = outputs[cachePort(input)?.present ?? ''];
    if (present) caches.set(input, present);
  }
  return caches;
}

export function logitsOf(outputs: ReadonlyMap<string, Tensor>): Float32Array {
  const logits = outputs.get(ports.logits);
  if (!logits) throw new Error('expected logits among the outputs');
  return logits.data as Float32Array;
}
