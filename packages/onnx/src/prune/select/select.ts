/** Which tokens a stage keeps, and how their rows are taken. */
import { wholeShare } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { emitSizes } from '../../graph/sizes.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import type { Start, TokenState } from './tokens.js';

/** The rows that stay. */
export interface Selection {
  /** int64, ascending: `[kept]`, or `[batch, kept]` with 0 at padding. */
  readonly indices: string;
  /** int64 `[batch, kept]`, 0 at padding, which stands in front; undefined where there is none. */
  readonly valid?: string;
}

/** Added to text tokens, so that they outrank every score. */
const textBonus = 1e30;

const { FLOAT, INT64 } = TensorProto_DataType;

/**
 * Picks what stays: all text, and of the image tokens the best ones. With no image token in the
 * sequence that is all there is.
 *
 * @param score float32 `[batch, tokens]`, 0 at text tokens
 * @param share int64 scalar, out of `wholeShare`
 */
export function emitSelection(
  emitter: Emitter,
  score: string,
  state: TokenState,
  start: Start,
  share: string,
): Selection {
  const { emit, cast: to } = emitter;
  const algebra = onnxAlgebra(emitter);
  const whole = emitter.int64([wholeShare], []);
  const { imageMask, valid } = state;
  const isText = algebra.subtract(valid ?? algebra.constant(1), imageMask);
  const keptImages = state.span ? emitSpanCounts() : floorOf(start.images);
  const counts = emit('Add', [start.texts, keptImages]);
  const ranked = algebra.add(
    state.span ? emitSpanChoice() : score,
    algebra.multiply(isText, algebra.constant(textBonus)),
  );

  if (!valid) {
    const count = emit('Reshape', [counts, emitter.int64([1])]);
    const sorted = ascending(placesOf(emitTopK(emitter, ranked, count).indices), count);
    return { indices: to(emit('Squeeze', [sorted, emitter.int64([0])]), INT64) };
  }
  // Rows keep different numbers of tokens: the longest row decides, the others are padded in front.
  const isPadding = algebra.subtract(algebra.constant(1), valid);
  const count = emit('ReduceMax', [counts], { attributes: { keepdims: 0 } });
  const width = emit('Reshape', [count, emitter.int64([1])]);
  const last = algebra.multiply(isPadding, algebra.constant(-textBonus));
  const best = placesOf(emitTopK(emitter, algebra.add(ranked, last), width).indices);
  const slots = emit('Slice', [start.places, emitter.int64([0]), width, emitter.int64([0])]);
  const isTaken = emit('Less', [slots, to(counts, FLOAT)]);
  const sorted = ascending(emit('Where', [isTaken, best, emitter.float(-1)]), width);
  return {
    indices: to(emit('Max', [sorted, emitter.float(0)]), INT64),
    valid: to(emit('GreaterOrEqual', [sorted, emitter.float(0)]), INT64),
  };

  /** In whole numbers: float32 can round up to the next one, and browsers have no float64. */
  function floorOf(tokens: string): string {
    return emit('Div', [emit('Mul', [tokens, share]), whole]);
  }
  /** Indices as floats; WebGPU looks them up, but does not convert them. */
  function placesOf(indices: string): string {
    return emit('Gather', [start.places, indices], { attributes: { axis: 0 } });
  }
  /** Sorts floats, upwards; WebGPU's TopK takes no integers, and goes downwards. */
  function ascending(places: string, width: string): string {
    return algebra.negate(emitTopK(emitter, algebra.negate(places), width).values);
  }
  /**
   * The spans' quotas, added up: each token of a span stands for its part of the quota, in shares. What is
   * lost to rounding down is less than a share for each token.
   */
  function emitSpanCounts(): string {
    const size = to(start.state.spanSize ?? '', INT64);
    const quota = emit('Mul', [floorOf(size), whole]);
    const part = emit('Div', [quota, emit('Max', [size, emitter.int64([1], [])])]);
    const sum = emit('ReduceSum', [part, emitter.int64([1])], { attributes: { keepdims: 1 } });
    const half = emitter.int64([wholeShare / 2], []);
    return emit('Div', [emit('Add', [sum, half]), whole]);
  }
  /** Looked up in the quotas of 1, 2, 3, ... tokens, so that sizes need not leave a GPU. */
  function emitSpanQuota(size: string): string {
    const sizes = emit('Add', [to(start.places, INT64), emitter.int64([1], [])]);
    const place = to(algebra.subtract(size, algebra.constant(1)), INT64);
    return emit('Gather', [to(floorOf(sizes), FLOAT), place], { attributes: { axis: 0 } });
  }
  /** 1 at the image tokens that are among the best of their own span; of equals the earlier wins. */
  function emitSpanChoice(): string {
    const rows = (x: string) => emit('Unsqueeze', [x, emitter.int64([2])]);
    const columns = (x: string) => emit('Unsqueeze', [x, emitter.int64([1])]);
    const span = state.span ?? '';
    const places = emit('CumSum', [algebra.add(imageMask, isText), emitter.int64([1], [])]);
    // Of floats: WebGPU has no Or.
    const is = (comparison: string, a: string, b: string) => to(emit(comparison, [a, b]), FLOAT);
    const same = is('Equal', rows(span), columns(span));
    const better = is('Greater', columns(score), rows(score));
    const equal = is('Equal', columns(score), rows(score));
    const earlier = is('Less', columns(places), rows(places));
    const ahead = algebra.add(better, algebra.multiply(equal, earlier));
    const rank = algebra.sum(algebra.multiply(same, ahead), [2]);
    const quota = emitSpanQuota(state.spanSize ?? '');
    return algebra.multiply(to(emit('Less', [rank, quota]), FLOAT), imageMask);
  }
}

/**
 * Takes the rows that stay from a value.
 *
 * @param axis the axis of the tokens; from the end if negative
 */
export function emitGather(
  emitter: Emitter,
  { indices, valid }: Selection,
  value: string,
  axis: number,
): string {
  const { emit } = emitter;
  if (!valid) return emit('Gather', [value, indices], { attributes: { axis } });
  // Rows differ, so each batch row gathers its own: [batch, tokens, ...].
  const rows = (x: string) =>
    emit('GatherND', [x, emit('Unsqueeze', [indices, emitter.int64([2])])], {
      attributes: { batch_dims: 1 },
    });
  if (axis === 1 || axis === -1) return rows(ofEveryRow(value));
  // Angles [batch, 1, tokens, half] or [batch, tokens, 1, half]: heads are aside for a moment.
  const heads = emitter.int64([axis === -2 ? 1 : 2]);
  return emit('Unsqueeze', [rows(ofEveryRow(emit('Squeeze', [value, heads]))), heads]);

  /** A row that stands for all of them is repeated. */
  function ofEveryRow(x: string): string {
    const batch = emitSizes(emitter, indices, 0, 1);
    const rest = emitSizes(emitter, x, 1);
    return emit('Expand', [x, emit('Concat', [batch, rest], { attributes: { axis: 0 } })]);
  }
}

/** The `count` largest along the last axis, largest first. */
function emitTopK(
  emitter: Emitter,
  x: string,
  count: string,
): { readonly values: string; readonly indices: string } {
  const values = `${x}/largest`;
  const indices = `${x}/indices`;
  emitter.emit('TopK', [x, count], { attributes: { axis: -1 }, outputs: [values, indices] });
  return { values, indices };
}
