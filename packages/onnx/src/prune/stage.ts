import type { PrunePlan, Stage } from '@transprune/core';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { StageTapper } from './score/taps.js';
import type { Start, TokenState } from './select/tokens.js';
import type { WorkingGraph } from './working-graph.js';

/** Everything that is at hand where a stage's score is made. */
export interface StageContext {
  readonly emitter: Emitter;
  readonly graph: WorkingGraph;
  readonly decoder: Decoder;
  readonly plan: PrunePlan;
  readonly stage: Stage;
  /** Counts the stages from 0. */
  readonly index: number;
  /** The layer behind the prune. */
  readonly next: DecoderLayer;
  readonly start: Start;
  /** The tokens in front of the prune. */
  readonly state: TokenState;
  /**
   * int64 `[batch, past + tokens]`, 0 at padding: the cache of the layer behind the prune, and the tokens
   * in front of it; undefined where there is no padding.
   */
  readonly mask?: string | undefined;
  /** Takes what the score is made of; undefined where nobody asks. */
  readonly tapper?: StageTapper | undefined;
}

/** A value in float32, in which scores are computed whatever the weights are. */
export function asFloat(
  { emitter, decoder }: Pick<StageContext, 'emitter' | 'decoder'>,
  value: string,
): string {
  if (!decoder.reducedPrecision) return value;
  return emitter.cast(value, TensorProto_DataType.FLOAT);
}
