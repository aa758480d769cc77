import { type PrunePlan, shareOf, wholeShare } from '@transprune/core';
import type { Emitter } from '../../graph/emitter.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import { keepRatiosInput } from '../interface.js';

/**
 * A float32 ratio stands for any number within half a step of it, 2^-25 at most. A whole step more lets it
 * reach the count that its decimal form means: .7 of 10 tokens are 7, though float32(.7) is below .7.
 */
const float32Step = wholeShare * 2 ** -24;

/**
 * Each stage's share as an int64 scalar, out of `wholeShare`: the plan's, or the graph's input, where a
 * stage can't keep more than the one before.
 */
export function emitShares(emitter: Emitter, plan: PrunePlan, atRunTime: boolean): string[] {
  if (!atRunTime) {
    return plan.stages.map(({ keepRatio }) => emitter.int64([shareOf(keepRatio)], []));
  }
  const { emit } = emitter;
  // A power of two changes the exponent only: nothing is rounded yet.
  const scaled = emit('Mul', [keepRatiosInput, emitter.float(wholeShare)]);
  const counted = emitter.cast(scaled, TensorProto_DataType.INT64);
  const given = emit('Min', [
    emit('Add', [counted, emitter.int64([float32Step], [])]),
    emitter.int64([wholeShare], []),
  ]);
  const shares: string[] = [];
  plan.stages.forEach((_, stage) => {
    const own = emit('Gather', [given, emitter.int64([stage], [])], { attributes: { axis: 0 } });
    const before = shares.at(-1);
    shares.push(before ? emit('Min', [own, before]) : own);
  });
  return shares;
}
