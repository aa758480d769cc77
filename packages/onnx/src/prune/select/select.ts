/** Which tokens a stage keeps. */
import { scoreLimit, shareOf, wholeShare } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { emitSizes } from '../../graph/sizes.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import type { TokenState } from '../tokens.js';

/** The rows that stay. */
export interface Selection {
  /** int64, ascending: `[kept]`, or `[batch, kept]` with 0 at padding. */
  readonly indices: string;
  /** int64 `[batch, kept]`, 0 at padding, which comes first; undefined where there is none. */
  readonly valid?: string;
}

/** What text tokens are ranked by: beyond every score that is ranked. Padding is ranked by its negative. */
const textRank = 1e30;

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/** What a selection is made from. */
export interface Ranking {
  /** float32 `[batch, tokens]`; what it holds at text tokens does not count. */
  readonly score: string;
  readonly state: TokenState;
  /** int64 `[batch, 1]`, image tokens and text tokens of the call. */
  readonly images: string;
  readonly texts: string;
  /** float32 `[tokens or more]`: 0, 1, 2, ... */
  readonly places: string;
  /** float32 `[batch, tokens of the call]`: of each image token, tokens of its span; where spans count. */
  readonly spanSizes?: string | undefined;
  /** int64 scalar, out of `wholeShare`: what stays of the image tokens. */
  readonly share: string;
  /** Where fewer stay if they hold so much of the score, but not less than a share of the image tokens. */
  readonly mass?: number | undefined;
  readonly floor?: number | undefined;
}

/** Picks what stays: all text, and of the image tokens the best ones. */
export function emitSelection(
  emitter: Emitter,
  { score: given, state, images, texts, places, spanSizes, share, mass, floor = 0 }: Ranking,
): Selection {
  const { emit, cast: to } = emitter;
  const algebra = onnxAlgebra(emitter);
  const whole = emitter.int64([wholeShare], []);
  const { imageMask, valid } = state;
  const score = numbersOf(given);
  const most = state.span ? emitSpanCounts() : floorOf(images, share);
  const keptImages = mass === undefined ? most : withinMass(mass);
  const counts = emit('Add', [texts, keptImages]);
  const ofImages = state.span ? emitSpanChoice() : score;
  const ranked = emit('Where', [to(imageMask, BOOL), ofImages, emitter.float(textRank)]);

  if (!valid) {
    const count = emit('Reshape', [counts, emitter.int64([1])]);
    const sorted = ascending(placesOf(emitTopK(emitter, ranked, count).indices), count);
    return { indices: to(emit('Squeeze', [sorted, emitter.int64([0])]), INT64) };
  }
  // Rows keep different numbers of tokens: the longest row decides, the others are padded at their start.
  const count = emit('ReduceMax', [counts], { attributes: { keepdims: 0 } });
  const width = emit('Reshape', [count, emitter.int64([1])]);
  const paddingLast = emit('Where', [to(valid, BOOL), ranked, emitter.float(-textRank)]);
  const best = placesOf(emitTopK(emitter, paddingLast, width).indices);
  const slots = emit('Slice', [places, emitter.int64([0]), width, emitter.int64([0])]);
  const isTaken = emit('Less', [slots, to(counts, FLOAT)]);
  const sorted = ascending(emit('Where', [isTaken, best, emitter.float(-1)]), width);
  return {
    indices: to(emit('Max', [sorted, emitter.float(0)]), INT64),
    valid: to(emit('GreaterOrEqual', [sorted, emitter.float(0)]), INT64),
  };

  function ones(): string {
    return algebra.add(imageMask, algebra.subtract(algebra.constant(1), imageMask));
  }
  /**
   * What stays of so many image tokens: one at least, where there is one. In whole numbers: float32 can round up
   * to the next one, and browsers have no float64.
   */
  function floorOf(tokens: string, ofAll: string): string {
    const part = emit('Div', [emit('Mul', [tokens, ofAll]), whole]);
    return emit('Max', [part, emit('Sign', [tokens])]);
  }
  /** As many as hold the mass: before the last of them the others hold less. */
  function withinMass(wanted: number): string {
    const positive = algebra.multiply(emit('Max', [score, emitter.float(0)]), imageMask);
    const all = emitSizes(emitter, positive, 1, 2);
    const { values } = emitTopK(emitter, positive, all);
    const before = emit('CumSum', [values, emitter.int64([1], [])], {
      attributes: { exclusive: 1 },
    });
    const total = algebra.sum(values, [-1], true);
    const isWanted = to(
      emit('Less', [before, algebra.multiply(total, algebra.constant(wanted))]),
      FLOAT,
    );
    const holding = to(algebra.sum(isWanted, [-1], true), INT64);
    const lowest = emit('Min', [emitter.int64([shareOf(floor)], []), share]);
    return emit('Min', [most, emit('Max', [floorOf(images, lowest), holding])]);
  }
  /** Comparisons with what is no number do not hold, so it is ranked after every other score, and before padding. */
  function numbersOf(scores: string): string {
    const isNumber = emit('Less', [algebra.abs(scores), emitter.float(scoreLimit)]);
    return emit('Where', [isNumber, scores, emitter.float(-scoreLimit)]);
  }
  /** Indices as floats; WebGPU looks them up, but does not convert them. */
  function placesOf(indices: string): string {
    return emit('Gather', [places, indices], { attributes: { axis: 0 } });
  }
  /** Sorts floats, upwards; WebGPU's TopK takes no integers, and goes downwards. */
  function ascending(chosen: string, width: string): string {
    return algebra.negate(emitTopK(emitter, algebra.negate(chosen), width).values);
  }
  /**
   * The spans' quotas, added up: each token of a span stands for its part of the quota, in shares. What is
   * lost to rounding down is less than a share for each token.
   */
  function emitSpanCounts(): string {
    const size = to(spanSizes ?? '', INT64);
    const quota = emit('Mul', [floorOf(size, share), whole]);
    const part = emit('Div', [quota, emit('Max', [size, emitter.int64([1], [])])]);
    const sum = emit('ReduceSum', [part, emitter.int64([1])], { attributes: { keepdims: 1 } });
    const half = emitter.int64([wholeShare / 2], []);
    return emit('Div', [emit('Add', [sum, half]), whole]);
  }
  /** Looked up in the quotas of 1, 2, 3, ... tokens, so that sizes need not leave a GPU. */
  function emitSpanQuota(size: string): string {
    const sizes = emit('Add', [to(places, INT64), emitter.int64([1], [])]);
    const place = to(algebra.subtract(size, algebra.constant(1)), INT64);
    return emit('Gather', [to(floorOf(sizes, share), FLOAT), place], { attributes: { axis: 0 } });
  }
  /** 1 at the image tokens that are among the best of their own span; of equals the earlier wins. */
  function emitSpanChoice(): string {
    const rows = (x: string) => emit('Unsqueeze', [x, emitter.int64([2])]);
    const columns = (x: string) => emit('Unsqueeze', [x, emitter.int64([1])]);
    const span = state.span ?? '';
    const order = emit('CumSum', [valid ?? ones(), emitter.int64([1], [])]);
    // Of floats: WebGPU has no Or.
    const is = (comparison: string, a: string, b: string) => to(emit(comparison, [a, b]), FLOAT);
    const same = is('Equal', rows(span), columns(span));
    const better = is('Greater', columns(score), rows(score));
    const equal = is('Equal', columns(score), rows(score));
    const earlier = is('Less', columns(order), rows(order));
    const ahead = algebra.add(better, algebra.multiply(equal, earlier));
    const rank = algebra.sum(algebra.multiply(same, ahead), [2]);
    const quota = emitSpanQuota(state.spanSize ?? '');
    return algebra.multiply(to(emit('Less', [rank, quota]), FLOAT), imageMask);
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
