import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { Emitter } from './emitter.js';

/** From this operator set on, Shape takes the range of axes as attributes. */
const shapeOfRange = 15;

/** An end from here on is beyond every axis and every index, as exporters write it. */
export const largestInt32 = 2 ** 31 - 1;

/** Beyond every axis and every index. */
export const toTheEnd = Number.MAX_SAFE_INTEGER;

/** Sizes of a value's axes `from` (included) to `to` (excluded): int64 `[to - from]`. */
export function emitSizes(emitter: Emitter, value: string, from: number, to?: number): string {
  const { emit, int64, opset } = emitter;
  if (opset >= shapeOfRange) {
    const attributes = { start: from, ...(to !== undefined && { end: to }) };
    return emit('Shape', [value], { attributes });
  }
  const sizes = emit('Shape', [value]);
  return emit('Slice', [sizes, int64([from]), int64([to ?? toTheEnd]), int64([0])]);
}

/**
 * Whole numbers from one to another, the last left out: int64 `[last - first]`.
 *
 * @param first int64 `[1]`; from 0 if left out
 * @param last int64 `[1]`
 */
export function emitRange(emitter: Emitter, first: string | undefined, last: string): string {
  const { emit, int64 } = emitter;
  const scalar = (x: string) => emit('Squeeze', [x, int64([0])]);
  const start = first === undefined ? undefined : scalar(first);
  const end = scalar(last);
  return emit('Range', [start ?? int64([0], []), end, int64([1], [])]);
}

/**
 * What a mask says of a call's own tokens: int64 `[batch, tokens]`.
 *
 * @param mask `[batch, past + tokens]`, 0 at padding
 * @param tokens a value `[batch, tokens, ...]`
 */
export function emitOwnMask(emitter: Emitter, mask: string, tokens: string): string {
  return emitLast(emitter, emitter.cast(mask, TensorProto_DataType.INT64), tokens);
}

/**
 * Places of a call's tokens among the tokens of their own row, padding left aside: int64 `[batch, tokens]`.
 *
 * @param mask `[batch, past + tokens]`, 0 at padding
 * @param tokens a value `[batch, tokens, ...]`
 * @param padding what padding has, int64; 0 if left out
 */
export function emitCountedTokens(
  emitter: Emitter,
  mask: string,
  tokens: string,
  padding?: string,
): string {
  const { emit, cast, int64 } = emitter;
  const { BOOL, INT64 } = TensorProto_DataType;
  const counted = emit('CumSum', [cast(mask, INT64), int64([1], [])]);
  const others = padding ?? int64([0]);
  const places = emit('Where', [cast(mask, BOOL), emit('Sub', [counted, int64([1])]), others]);
  return emitLast(emitter, places, tokens);
}

/** Of a value `[batch, past + tokens]` the call's own part. */
function emitLast(emitter: Emitter, value: string, tokens: string): string {
  const { emit, int64 } = emitter;
  const start = emit('Neg', [emitSizes(emitter, tokens, 1, 2)]);
  return emit('Slice', [value, start, int64([toTheEnd]), int64([1])]);
}
