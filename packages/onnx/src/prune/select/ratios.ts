import { keepRatiosInput, type PrunePlan, shareOf, wholeShare } from '@transprune/core';
import type { Emitter } from '../../graph/emitter.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';

/**
 * A float32 ratio stands for any number within half a step of it, 2^-25 at most. A whole step more lets it
 * reach the count that its decimal form means: .7 of 10 tokens are 7, though float32(.7) is below .7.
 */
const float32Step = wholeShare * 2 ** -24;

/**
 * A stage's share as an int64 scalar, out of `wholeShare`: the plan's, or the graph's input, where a stage
 * can't keep more than any before it. What is below 0 or no number is 0, of which one token stays.
 */
export function emitShare(
  emitter: Emitter,
  plan: PrunePlan,
  stage: number,
  atRunTime: boolean,
): string {
  if (!atRunTime) return emitter.int64([shareOf(plan.stages[stage]?.keepRatio ?? 1)], []);
  const { emit, int64 } = emitter;
  const [from, to] = [int64([0]), int64([stage + 1])];
  const upToHere = emit('Slice', [keepRatiosInput, from, to, int64([0])]);
  // No number is above 0, so no ratio that is none gets further.
  const isAbove = emit('Greater', [upToHere, emitter.float(0)]);
  const positive = emit('Where', [isAbove, upToHere, emitter.float(0)]);
  const ratios = emit('Min', [positive, emitter.float(1)]);
  // A power of two changes the exponent only: nothing is rounded yet.
  const scaled = emit('Mul', [ratios, emitter.float(wholeShare)]);
  const counted = emitter.cast(scaled, TensorProto_DataType.INT64);
  const given = emit('Add', [counted, int64([float32Step], [])]);
  const least = emit('ReduceMin', [given], { attributes: { keepdims: 0 } });
  return emit('Min', [least, int64([wholeShare], [])]);
}
