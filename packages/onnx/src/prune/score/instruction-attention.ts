/**
 * Instruction-guided attention at a stage, in nodes: the queries and keys of the layer after the
 * prune, over every token that is still there.
 */
import { blockedLogit, instructionAttention, methodOf } from '@transprune/core';
import type { LogitsSite } from '../../decoder/attention/family.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { emitCountedTokens, emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import { emitCallStart } from '../cache-lengths.js';
import { asFloat, attentionAfter, type StageContext } from '../stage.js';
import { copyRegion } from '../working-graph.js';

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/**
 * The rows that ask, and what each may see: `askingRows` and `seesKey` of the core as nodes. Every row from
 * the first that asks is there.
 */
interface Rows {
  /** int64 `[1]`: the first row, counted among the tokens at hand. */
  readonly start: string;
  /** float32 `[batch, 1, rows, 1]`, undefined if all rows weigh alike. */
  readonly weights?: string | undefined;
  /** float32, broadcast to `[batch, heads, rows, past + tokens]`. */
  readonly bias: string;
}

/** Attention that each token receives from the instruction: float32 `[batch, tokens]`. */
export function emitInstructionAttention(context: StageContext): string {
  const { emitter } = context;
  const { emit, int64 } = emitter;
  const tokens = emitSizes(emitter, context.state.imageMask, 1, 2);
  const { reading } = attentionAfter(context);
  const past = emitPastLength(context);
  // Sinks stand in front of the keys, as if they were the first one of the cache.
  const one = int64([1]);
  const before = reading.sinks === undefined ? past : past ? emit('Add', [past, one]) : one;
  const rows = emitRows(context, tokens, before);
  const ofKeys = reading.family.logits(reading, logitsSite(context, rows.start));
  const logits = emitSinks(context, reading.sinks, ofKeys);
  const asked = { logits, bias: rows.bias, rowWeights: rows.weights };
  const attended = reading.family.attended(reading, context.graph.nodes);
  const hasSinks = reading.sinks !== undefined;
  const values = reading.latent ? reading.values : undefined;
  context.tapper?.instructionAttention({ ...asked, past: before, attended, values, hasSinks });
  const received = instructionAttention(onnxAlgebra(emitter), asked);
  return before ? emit('Slice', [received, before, int64([toTheEnd]), int64([1])]) : received;
}

/** Logits with the column of sinks in front: float32 `[batch, heads, rows, 1 + keys]`. */
function emitSinks(context: StageContext, sinks: string | undefined, logits: string): string {
  if (sinks === undefined) return logits;
  const { emitter, around, decoder } = context;
  const { emit, int64 } = emitter;
  const column = around.emit('Reshape', [
    asFloat({ emitter: around, decoder }, sinks),
    around.int64([1, -1, 1, 1]),
  ]);
  const sizes = emit('Concat', [emitSizes(emitter, logits, 0, 3), int64([1])], {
    attributes: { axis: 0 },
  });
  return emit('Concat', [emit('Expand', [column, sizes]), logits], { attributes: { axis: -1 } });
}

/** Tokens of the next layer's cache, which rows may see: int64 `[1]`; undefined where there is no cache. */
export function emitPastLength({
  emitter,
  next,
  past,
}: Pick<StageContext, 'emitter' | 'next' | 'past'>): string | undefined {
  const pastKey = next.cache?.pastKey;
  return pastKey === undefined ? undefined : (past ?? emitSizes(emitter, pastKey, 2, 3));
}

/** What the next layer's cache holds of keys, without the room for more. */
function emitPastKeys({ emitter, next, past }: StageContext): string | undefined {
  const pastKey = next.cache?.pastKey;
  if (pastKey === undefined || past === undefined) return pastKey;
  return emitter.emit('Slice', [pastKey, emitter.int64([0]), past, emitter.int64([2])]);
}

function emitRows(context: StageContext, tokens: string, past: string | undefined): Rows {
  const { emitter, state, plan } = context;
  const { emit, int64 } = emitter;
  const asksLast = methodOf(plan).asks === 'last-token';
  const instruction = asksLast ? undefined : state.instruction;
  const algebra = onnxAlgebra(emitter);
  const one = int64([1]);
  const toFloat = (x: string) => emitter.cast(x, FLOAT);
  const lastWhere = (mask: string) =>
    emit('ArgMax', [mask], { attributes: { axis: 1, keepdims: 1, select_last_index: 1 } });
  // The last token asks where no instruction follows.
  const lastToken = state.valid ? lastWhere(state.valid) : emit('Sub', [tokens, one]);
  const ownStart = asksLast
    ? lastToken
    : emit('Min', [emit('Add', [lastWhere(state.imageMask), one]), lastToken]);
  // As floats: WebGPU compares no int64.
  const places = (length: string) => toFloat(emitRange(emitter, undefined, length));
  const from = (x: string, first: string, axis: number) =>
    emit('Slice', [x, first, int64([toTheEnd]), int64([axis])]);

  const isWeighted = state.valid !== undefined || instruction !== undefined;
  let start = ownStart;
  let weights: string | undefined;
  if (!isWeighted) start = emit('Reshape', [ownStart, one]);
  else {
    const asks = emitAsking();
    const first = emit('ArgMax', [asks], { attributes: { axis: 1, keepdims: 0 } });
    start = emit('Reshape', [emit('ReduceMin', [first], { attributes: { keepdims: 0 } }), one]);
    const share = algebra.divide(asks, algebra.sum(asks, [1], true));
    weights = emit('Unsqueeze', [from(share, start, 1), int64([1, 3])]);
  }
  const columns = places(past ? emit('Add', [past, tokens]) : tokens);
  const rows = from(columns, past ? emit('Add', [past, start]) : start, 0);
  const own = emit('Unsqueeze', [rows, int64([1])]);
  const blocked = (mask: string) =>
    emit('Where', [mask, algebra.constant(blockedLogit), algebra.constant(0)]);
  const causal = blocked(emit('Greater', [columns, own]));
  if (!context.mask) return { start, weights, bias: causal };
  const mask = emitter.cast(emitSeen(context, past ? emit('Add', [past, tokens]) : tokens), BOOL);
  const padding = emit('Where', [mask, algebra.constant(0), algebra.constant(blockedLogit)]);
  const bias = algebra.add(emit('Unsqueeze', [padding, int64([1, 2])]), causal);
  return { start, weights, bias };

  /** 1 at tokens that ask: those marked, or, in rows without a mark, those after the last image. */
  function emitAsking(): string {
    const after = toFloat(emit('GreaterOrEqual', [places(tokens), toFloat(ownStart)]));
    const own = state.valid ? algebra.multiply(after, state.valid) : after;
    if (!instruction) return own;
    const marks = algebra.sum(instruction, [1], true);
    const isMarked = emit('Greater', [marks, algebra.constant(0)]);
    return emit('Where', [isMarked, instruction, own]);
  }
}

/** The mask over what rows may see, sinks in front: `[batch, seen]`. */
function emitSeen(context: StageContext, seen: string): string {
  const { emitter, mask = '' } = context;
  const { emit, int64 } = emitter;
  const last = (own: string) =>
    emit('Slice', [own, emit('Neg', [seen]), int64([toTheEnd]), int64([1])]);
  if (attentionAfter(context).reading.sinks === undefined) return last(mask);
  const sizes = emit('Concat', [emitSizes(emitter, mask, 0, 1), int64([1])], {
    attributes: { axis: 0 },
  });
  const ones = emit('Expand', [int64([1], [1, 1]), sizes]);
  return last(emit('Concat', [ones, mask], { attributes: { axis: 1 } }));
}

/** What the family of the next layer's attention makes logits from. */
function logitsSite(context: StageContext, start: string): LogitsSite {
  const { emitter, decoder } = context;
  const { reading } = attentionAfter(context);
  return {
    emitter,
    shape: reading.shape,
    pastKey: emitPastKeys(context),
    start,
    scored: (value) => copyForScore(context, value),
    asFloat: (value) => asFloat(context, value),
    // In every call, which a runtime does once: it is made of constants alone.
    constant: (value) => asFloat({ emitter: context.around, decoder }, value),
    positions: (from) =>
      context.plan.positions === 'renumber'
        ? emitCountedPositions(context, from)
        : emitKeptPositions(context, from),
  };
}

/**
 * The place of a token in the next layer's own cache; the others follow: int64 `[1]`. With padding, the places
 * of all tokens among those of their rows: int64 `[batch, tokens]`.
 */
function emitCountedPositions(
  { emitter, next, past: known, mask, state }: StageContext,
  from: string | undefined,
): string {
  if (mask) return startingAt(emitter, emitCountedTokens(emitter, mask, state.imageMask), from);
  const past = emitPastLength({ emitter, next, past: known });
  if (past === undefined) return from ?? emitter.int64([0]);
  return from === undefined ? past : emitter.emit('Add', [past, from]);
}

/** Where each token stood in the sequence before any prune: int64 `[batch, tokens]`. */
function emitKeptPositions(
  { emitter, state, decoder, plan, options, rotated }: StageContext,
  from: string | undefined,
): string {
  const { emit } = emitter;
  const own = state.positions ?? '';
  if (options.batch && rotated) {
    const places = emit('Expand', [own, emit('Shape', [state.imageMask])]);
    const original = emit('GatherElements', [rotated, emitter.cast(places, INT64)], {
      attributes: { axis: 1 },
    });
    return startingAt(emitter, original, from);
  }
  const past = emitCallStart(emitter, decoder, plan.stages[0]?.afterLayer ?? 0, options.cache);
  const places = past === undefined ? own : emit('Add', [own, emitter.cast(past, FLOAT)]);
  return emitter.cast(startingAt(emitter, places, from), INT64);
}

/** Positions `[batch, tokens]` from a token on. */
function startingAt({ emit, int64 }: Emitter, positions: string, from: string | undefined): string {
  return from ? emit('Slice', [positions, from, int64([toTheEnd]), int64([1])]) : positions;
}

/** A value on the way to attention, over every token before the prune. */
export function copyForScore(context: StageContext, value: string): string {
  const { graph, emitters, stage, index } = context;
  const projections = new Set(attentionAfter(context).projections);
  const suffix = `scored_after_layer_${stage.afterLayer}`;
  return copyRegion(graph, value, projections, emitters.copy, index, suffix);
}
