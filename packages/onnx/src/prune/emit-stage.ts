/** One stage of a plan: score, select and cut, and what goes on to the next stage. */
import { carriesTransition, methodOf, pastMaskInput } from '@transprune/core';
import type { DecoderLayer } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { emitStagePast } from './cache-lengths.js';
import { cutAt } from './cut/cut.js';
import { emitGather } from './cut/gather.js';
import type { Gate, Otherwise } from './gate.js';
import type { CutStage } from './rebase/rebase.js';
import { emitScore, emitTransition } from './score/score.js';
import type { StageTapper } from './score/taps.js';
import { emitShare } from './select/ratios.js';
import { emitSelection, type Selection } from './select/select.js';
import {
  asFloat,
  nextLayer,
  type ScoredLayer,
  type StageEmitters,
  type StagesContext,
  stageAt,
  stageEmitters,
  stagePrefix,
} from './stage.js';
import { type Call, emitStart, emitTexts, mapState, type TokenState } from './tokens.js';
import { traceKept, traceScore } from './trace.js';

const { FLOAT, INT64 } = TensorProto_DataType;

/** Floats `[batch, tokens]` that only later gates read. */
export const unread: Otherwise = { unread: FLOAT, rank: 2 };

/** What one stage hands on to the next: values of the graph itself. */
export interface HandedOn {
  readonly state: TokenState;
  /** float32 `[tokens of the call]`: 0, 1, 2, ... */
  readonly places: string;
  /** float32 `[batch, tokens of the call]`, tokens of each one's span; undefined where spans do not count. */
  readonly spanSizes?: string | undefined;
}

/** What one stage is made of. */
export interface StageParts {
  readonly call: Call;
  readonly gate: Gate;
  /** Counts the stages from 0. */
  readonly index: number;
  /** Layers that are still to be added to the transition, and their sum so far. */
  readonly accumulated: readonly ScoredLayer[];
  /** The layer before the prune. */
  readonly last: ScoredLayer;
  readonly sum: string | undefined;
  readonly tapper: StageTapper | undefined;
  /** What the stage before handed on; undefined at the first. */
  readonly before: HandedOn | undefined;
}

export interface EmittedStage {
  readonly stage: CutStage;
  readonly tokens: HandedOn;
  /** The next layer with the rows that stay of what its modules read, float32; where it is accumulated. */
  readonly next?: DecoderLayer;
}

/** Emits one stage. */
export function emitStage(context: StagesContext, parts: StageParts): EmittedStage {
  const { decoder, plan, options, graph, rotated } = context;
  const { call, gate, index, accumulated, last, sum, tapper, before } = parts;
  const stage = stageAt(context, index);
  const prefix = stagePrefix(stage.afterLayer);
  const emitters = stageEmitters(gate.emitter, prefix, index);
  const next = nextLayer(decoder, stage.afterLayer);
  const tokens = before ?? startTokens(context, emitters.score, call);
  const { valid } = tokens.state;
  const added = { sum, valid };
  const transition = emitTransition(emitters.score, decoder, accumulated, plan, added);
  const state = { ...tokens.state, transition };
  const mask = valid && emitScoredMask(emitters.copy, index, valid);
  const past = emitStagePast(emitters.copy, index, options);
  const around = context.emitter.child(prefix, { role: 'score', stage: index });
  const site = {
    graph,
    decoder,
    plan,
    options,
    rotated,
    stage,
    index,
    last,
    next,
    state,
    mask,
    past,
    tapper,
  };
  const score = emitScore({ ...site, emitters, emitter: emitters.score, around });
  const selection = emitSelection(emitters.select, {
    ...tokens,
    score,
    state,
    images: call.images,
    texts: emitTexts(emitters.select, call),
    share: emitShare(emitters.select, plan, index, options.runtimeRatios),
    mass: plan.keepMass,
    floor: plan.keepFloor,
  });
  const scored = { scoredMask: mask, scoredPast: past };
  const cutStage = cutAt(context, { gate, emitters, index, selection, call, ...scored });
  if (options.trace) {
    traceScore(gate, emitters.trace, { score, state, index });
    traceKept(gate, emitters.trace, { selection, state, index, call });
  }
  const isAccumulated = plan.accumulateLayers.includes(stage.afterLayer + 1);
  return {
    stage: cutStage,
    tokens: handOn(gate, emitters.select, {
      prefix,
      selection,
      state: carriesTransition(plan) ? state : { ...state, transition: undefined },
      tokens,
      isFirst: !before,
    }),
    ...(isAccumulated && {
      next: withKeptInputs(context, { gate, emitters, selection, next, prefix }),
    }),
  };
}

/** What the first stage knows of the tokens: values of its own branch. */
function startTokens({ plan, options }: StagesContext, emitter: Emitter, call: Call): HandedOn {
  const { needs } = methodOf(plan);
  const start = emitStart(emitter.child('pruning'), call, plan, needs, options);
  return { ...start, spanSizes: start.state.spanSize };
}

/** The rows that stay of everything that later stages read, as values of the graph itself. */
function handOn(
  gate: Gate,
  emitter: Emitter,
  {
    prefix,
    selection,
    state,
    tokens,
    isFirst,
  }: {
    readonly prefix: string;
    readonly selection: Selection;
    readonly state: TokenState;
    readonly tokens: HandedOn;
    readonly isFirst: boolean;
  },
): HandedOn {
  const gathered = mapState(state, (value) => emitGather(emitter, selection, value, 1));
  const left = selection.valid ? masked(emitter, gathered, selection.valid) : gathered;
  const out = (value: string, name: string, rank = 2) =>
    gate.output(value, { unread: FLOAT, rank }, `${prefix}/${name}`);
  const { places, spanSizes } = tokens;
  return {
    state: mapState(left, (value, name) => out(value, name)),
    places: isFirst ? out(places, 'places', 1) : places,
    spanSizes: isFirst && spanSizes ? out(spanSizes, 'spanSizes') : spanSizes,
  };
}

/**
 * The next layer with what its modules read of the tokens that stay: the norm before its mixer still sees all of
 * them, as an FFN's beside it does.
 */
function withKeptInputs(
  { decoder }: StagesContext,
  {
    gate,
    emitters,
    selection,
    next,
    prefix,
  }: {
    readonly gate: Gate;
    readonly emitters: StageEmitters;
    readonly selection: Selection;
    readonly next: DecoderLayer;
    readonly prefix: string;
  },
): DecoderLayer {
  const kept = (value: string, name: string): string => {
    const rows = emitGather(emitters.gather, selection, value, 1);
    const floats = asFloat({ emitter: emitters.gather, decoder }, rows);
    return gate.output(floats, { unread: FLOAT, rank: 3 }, `${prefix}/${name}`);
  };
  const { mixer, ffn } = next;
  const input = kept(mixer.input, 'next_input');
  const ofFfn = ffn.input === mixer.input ? input : undefined;
  return {
    ...next,
    mixer: { ...mixer, input },
    ffn: ffn.isParallel ? { ...ffn, input: ofFfn ?? kept(ffn.input, 'next_ffn_input') } : ffn,
  };
}

/** A mask over the cache of the layer after a prune and the tokens before it. */
function emitScoredMask(emitter: Emitter, stage: number, valid: string): string {
  const tokens = emitter.cast(valid, INT64);
  return emitter.emit('Concat', [pastMaskInput(stage), tokens], { attributes: { axis: 1 } });
}

/** What stands at padding is nobody's: no image, no instruction. */
function masked(emitter: Emitter, state: TokenState, valid: string): TokenState {
  const floats = emitter.cast(valid, FLOAT);
  const only = (x: string) => emitter.emit('Mul', [x, floats]);
  return {
    ...state,
    valid: floats,
    imageMask: only(state.imageMask),
    instruction: state.instruction && only(state.instruction),
    span: state.span && only(state.span),
  };
}
