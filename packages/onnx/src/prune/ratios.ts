import type { PrunePlan } from '@transprune/core';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { keepRatiosInput } from './interface.js';

/**
 * A float32 ratio stands for any number within half a step of it. A whole step more lets it reach the
 * count that its decimal form means: .7 of 10 tokens are 7, though float32(.7) is below .7.
 */
const float32Step = 1 + 2 ** -23;

/**
 * Each stage's keep ratio as a float64 scalar: the plan's, or the graph's input, where a stage can't
 * keep more than the one before.
 */
export function emitRatios(emitter: Emitter, plan: PrunePlan, atRunTime: boolean): string[] {
  if (!atRunTime) return plan.stages.map(({ keepRatio }) => emitter.double(keepRatio));
  const { emit } = emitter;
  const given = emitter.cast(keepRatiosInput, TensorProto_DataType.DOUBLE);
  const ratios = emit('Min', [
    emit('Mul', [given, emitter.double(float32Step)]),
    emitter.double(1),
  ]);
  const stageRatios: string[] = [];
  plan.stages.forEach((_, stage) => {
    const own = emit('Gather', [ratios, emitter.int64([stage], [])], { attributes: { axis: 0 } });
    const before = stageRatios.at(-1);
    stageRatios.push(before ? emit('Min', [own, before]) : own);
  });
  return stageRatios;
}
