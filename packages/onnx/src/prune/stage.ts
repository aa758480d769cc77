/** What the passes of a prune work with. */
import type { SettledPlan, Stage } from '@transprune/core';
import type { AttentionModule, Decoder, DecoderLayer, Module } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { InterfaceOptions } from './interface.js';
import type { StageTapper } from './score/taps.js';
import type { TokenState } from './tokens.js';
import type { WorkingGraph } from './working-graph.js';

/** What the stages of a plan are made for, and in. */
export interface StagesContext {
  /** Takes what runs in every call. */
  readonly emitter: Emitter;
  readonly graph: WorkingGraph;
  readonly decoder: Decoder;
  readonly plan: SettledPlan;
  readonly options: InterfaceOptions;
  /** Whether outputs are added that hold what scores are made of. */
  readonly taps: boolean;
  /**
   * int64 `[batch, tokens]`: positions by which the call's tokens are rotated, where that was taken out of the
   * attention nodes.
   */
  readonly rotated?: string | undefined;
}

/** A layer whose modules a score reads. */
export interface ScoredLayer {
  /** From 1. */
  readonly number: number;
  /** Attention and FFN. */
  readonly modules: readonly Module[];
}

/** Everything that is at hand where a stage's score is made. */
export interface StageContext {
  /** Takes the score's nodes: that of `emitters`. */
  readonly emitter: Emitter;
  /** Takes what runs in every call. */
  readonly around: Emitter;
  readonly emitters: StageEmitters;
  readonly graph: WorkingGraph;
  readonly decoder: Decoder;
  readonly plan: SettledPlan;
  readonly options: InterfaceOptions;
  /** As in `StagesContext`. */
  readonly rotated?: string | undefined;
  readonly stage: Stage;
  /** Counts the stages from 0. */
  readonly index: number;
  /** The layer before the prune. */
  readonly last: ScoredLayer;
  /** The layer after the prune. */
  readonly next: DecoderLayer;
  /** The tokens before the prune. */
  readonly state: TokenState;
  /**
   * int64 `[batch, past + tokens]`, 0 at padding: the cache of the layer after the prune, and the tokens
   * before it; undefined where there is no padding.
   */
  readonly mask?: string | undefined;
  /** int64 `[1]`: tokens in that cache, where it may have room for more. */
  readonly past?: string | undefined;
  /** Takes what the score is made of; undefined where nobody asks. */
  readonly tapper?: StageTapper | undefined;
}

/** Where a stage's nodes get their names. */
export const stagePrefix = (afterLayer: number) => `pruning/after_layer_${afterLayer}`;

/** Emitters into one graph, by what the nodes are for. */
export type StageEmitters = Readonly<Record<StageRole, Emitter>>;

type StageRole = 'angles' | 'copy' | 'gather' | 'score' | 'select' | 'trace';

/** @param emitter into the graph that takes the stage's nodes */
export function stageEmitters(emitter: Emitter, prefix: string, stage: number): StageEmitters {
  const of = (role: StageRole) => emitter.child(prefix, { role, stage });
  return {
    angles: of('angles'),
    copy: of('copy'),
    gather: of('gather'),
    score: of('score'),
    select: of('select'),
    trace: of('trace'),
  };
}

/** A value in float32, in which scores are computed whatever the weights are. */
export function asFloat(
  { emitter, decoder }: Pick<StageContext, 'emitter' | 'decoder'>,
  value: string,
): string {
  if (!decoder.reducedPrecision) return value;
  return emitter.cast(value, TensorProto_DataType.FLOAT);
}

/** A stage of the plan. */
export function stageAt({ plan }: StagesContext, index: number): Stage {
  return plan.stages[index] ?? refuse({ where: 'plan', expected: 'a stage', found: 'none' });
}

/** The layer after a prune. */
export function nextLayer(decoder: Decoder, afterLayer: number): DecoderLayer {
  const layer = decoder.layers[afterLayer];
  return layer ?? refuse({ where: 'plan', expected: 'a layer after each prune', found: 'none' });
}

/** Attention of the layer after a prune, with keys and values of its own: what methods read of it. */
export function attentionAfter({
  next,
  stage,
}: Pick<StageContext, 'next' | 'stage'>): AttentionModule {
  if (next.attention && next.cache) return next.attention;
  return refuse({
    where: 'plan',
    expected: `a layer with attention, and keys of its own, after layer ${stage.afterLayer}`,
    found: 'another',
  });
}
