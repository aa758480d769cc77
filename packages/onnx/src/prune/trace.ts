/** Trace: what each stage scored and kept, as outputs of the graph. */

import { imageMaskInput, keptOutput, scoreOutput } from '@transprune/core';
import type { Emitter } from '../graph/emitter.js';
import { emitRange, emitSizes } from '../graph/sizes.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { emitGather } from './cut/gather.js';
import type { Gate } from './gate.js';
import type { Selection } from './select/select.js';
import type { Call, TokenState } from './tokens.js';

const { BOOL, INT64 } = TensorProto_DataType;

/** What a trace tells of. */
export interface Traced {
  readonly state: TokenState;
  readonly index: number;
}

/** Gives out the score, 0 at text tokens; all zeros in a call without an image. */
export function traceScore(
  gate: Gate,
  emitter: Emitter,
  { score, state, index }: Traced & { readonly score: string },
): void {
  const masked = emitter.emit('Mul', [score, state.imageMask]);
  const zeros = (branch: Emitter) =>
    branch.emit('ConstantOfShape', [branch.emit('Shape', [imageMaskInput])]);
  gate.output(masked, { made: zeros }, scoreOutput(index));
}

/** Gives out where the survivors stood, -1 at padding; every token's place in a call without an image. */
export function traceKept(
  gate: Gate,
  emitter: Emitter,
  {
    state,
    selection,
    call,
    index,
  }: Traced & { readonly selection: Selection; readonly call: Call },
): void {
  if (state.positions === undefined) return;
  const rows = emitGather(emitter, selection, state.positions, 1);
  const places = (branch: Emitter) =>
    emitRange(branch, undefined, emitSizes(branch, imageMaskInput, 1, 2));
  const { valid } = selection;
  if (!valid) {
    const kept = emitter.cast(emitter.emit('Squeeze', [rows, emitter.int64([0])]), INT64);
    gate.output(kept, { made: places }, keptOutput(index));
    return;
  }
  const isValid = emitter.cast(valid, BOOL);
  const kept = emitter.cast(emitter.emit('Where', [isValid, rows, emitter.float(-1)]), INT64);
  const all = (branch: Emitter) =>
    branch.emit('Where', [
      branch.cast(call.valid ?? '', BOOL),
      places(branch),
      branch.int64([-1], []),
    ]);
  gate.output(kept, { made: all }, keptOutput(index));
}
