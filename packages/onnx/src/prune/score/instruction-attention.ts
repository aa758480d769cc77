/**
 * Instruction-guided attention at a stage, in nodes: the queries and keys of the layer behind the
 * prune, over every token that is still there.
 */
import {
  attentionLogits,
  blockedLogit,
  instructionAttention,
  rotate,
  splitHeads,
} from '@transprune/core';
import type { DecoderLayer, Heads } from '../../decoder/decoder.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import { inputAt, outputAt } from '../../graph/graph.js';
import { emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import { asFloat, type StageContext } from '../stage.js';
import { copyRegion } from '../working-graph.js';
import { attendedBy } from './taps.js';

const { FLOAT, INT64 } = TensorProto_DataType;

/** The rows that ask, and what each may see. */
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
  const { emitter, next } = context;
  const { emit, int64 } = emitter;
  const algebra = onnxAlgebra(emitter);
  const tokens = emitSizes(emitter, context.state.imageMask, 1, 2);
  const past = emitPastLength(context);
  const rows = emitRows(context, tokens, past);
  const logits = next.attention.reading.logitNodes
    ? emitOwnLogits(context, next.attention.reading.logitNodes, rows.start)
    : emitLogits(context, rows.start, tokens, past);
  context.tapper?.instructionAttention({
    logits,
    bias: rows.bias,
    rowWeights: rows.weights,
    past,
    attended: attendedBy(context.graph.nodes, next.attention.reading.node),
  });
  const received = instructionAttention(algebra, {
    logits,
    bias: rows.bias,
    rowWeights: rows.weights,
  });
  return past ? emit('Slice', [received, past, int64([toTheEnd]), int64([1])]) : received;
}

/** Tokens of the next layer's cache, which rows may see: int64 `[1]`; undefined where there is no cache. */
function emitPastLength({ emitter, next }: StageContext): string | undefined {
  const { pastKey } = next.cache;
  return pastKey === undefined ? undefined : emitSizes(emitter, pastKey, 2, 3);
}

function emitRows(context: StageContext, tokens: string, past: string | undefined): Rows {
  const { emitter, state } = context;
  const { emit, int64 } = emitter;
  const algebra = onnxAlgebra(emitter);
  const one = int64([1]);
  const toFloat = (x: string) => emitter.cast(x, FLOAT);
  const lastWhere = (mask: string) =>
    emit('ArgMax', [mask], { attributes: { axis: 1, keepdims: 1, select_last_index: 1 } });
  const behindImages = emit('Add', [lastWhere(state.imageMask), one]);
  // The last token asks where no instruction follows.
  const lastToken = state.valid ? lastWhere(state.valid) : emit('Sub', [tokens, one]);
  const ownStart = emit('Min', [behindImages, lastToken]);
  // As floats: WebGPU compares no int64.
  const places = (length: string) => toFloat(emitRange(emitter, undefined, length));
  const from = (x: string, first: string, axis: number) =>
    emit('Slice', [x, first, int64([toTheEnd]), int64([axis])]);

  const isWeighted = state.valid !== undefined || state.instruction !== undefined;
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
  const rows = from(past ? from(columns, past, 0) : columns, start, 0);
  const own = emit('Unsqueeze', [rows, int64([1])]);
  const isBehind = toFloat(emit('Greater', [columns, own]));
  const causal = algebra.multiply(isBehind, algebra.constant(blockedLogit));
  if (!context.mask) return { start, weights, bias: causal };
  const seen = past ? emit('Add', [past, tokens]) : tokens;
  const mask = toFloat(from(context.mask, emit('Neg', [seen]), 1));
  const padding = algebra.multiply(
    algebra.subtract(algebra.constant(1), mask),
    algebra.constant(blockedLogit),
  );
  const bias = algebra.add(emit('Unsqueeze', [padding, int64([1, 2])]), causal);
  return { start, weights, bias };

  /** 1 at tokens that ask: those marked, or, in rows without a mark, those behind the last image. */
  function emitAsking(): string {
    const behind = toFloat(emit('GreaterOrEqual', [places(tokens), toFloat(ownStart)]));
    const own = state.valid ? algebra.multiply(behind, state.valid) : behind;
    if (!state.instruction) return own;
    const marks = algebra.sum(state.instruction, [1], true);
    const isMarked = emit('Greater', [marks, algebra.constant(0)]);
    return emit('Where', [isMarked, state.instruction, own]);
  }
}

/** Logits of a node that takes queries and keys, computed beside it. */
function emitLogits(
  context: StageContext,
  start: string,
  tokens: string,
  past: string | undefined,
): string {
  const { emitter, decoder, next } = context;
  const { emit, int64 } = emitter;
  const algebra = onnxAlgebra(emitter);
  const { reading } = next.attention;
  const { headDim, heads, kvHeads } = decoder.attention;
  const from = (x: string, first: string, axis: number) =>
    emit('Slice', [x, first, int64([toTheEnd]), int64([axis])]);
  const take = ({ value, layout, columns }: Heads, count: number, first?: string) => {
    const copied = copyForScore(context, value);
    const own = columns ? algebra.slice(copied, -1, columns[0], columns[1]) : copied;
    const rows = first ? from(own, first, layout === 'flat' ? 1 : 2) : own;
    const cast = asFloat(context, rows);
    return layout === 'flat' ? splitHeads(algebra, cast, count, headDim) : cast;
  };
  let queries = take(reading.queries, heads, start);
  let keys = take(reading.keys, kvHeads);
  if (reading.fusedRotary) {
    const table = emitAngles(context, tokens);
    queries = rotateLeading(context, queries, {
      cos: from(table.cos, start, -2),
      sin: from(table.sin, start, -2),
    });
    keys = rotateLeading(context, keys, table);
  }
  if (past && next.cache.pastKey !== undefined) {
    keys = algebra.concat([asFloat(context, next.cache.pastKey), keys], 2);
  }
  return attentionLogits(algebra, queries, keys, decoder.attention);
}

/** Angles at every token, as the node that rotates inside would look them up. */
function emitAngles({ emitter, next, plan, state, decoder }: StageContext, tokens: string) {
  const { emit, int64 } = emitter;
  const { cos = '', sin = '' } = next.attention.reading.fusedRotary ?? {};
  const lengthOf = (cache: string | undefined) =>
    cache === undefined ? int64([0]) : emitSizes(emitter, cache, 2, 3);
  if (plan.positions === 'renumber') {
    const first = lengthOf(next.cache.pastKey);
    const last = emit('Add', [first, tokens]);
    const rows = (x: string) => emit('Slice', [x, first, last, int64([0])]);
    return { cos: rows(cos), sin: rows(sin) };
  }
  // The first layer's cache is never pruned: its length is where this call's tokens begin.
  const first = lengthOf(decoder.layers[0]?.cache.pastKey);
  const own = emitter.cast(state.positions ?? '', INT64);
  const places = emit('Add', [own, first]);
  const lookUp = (x: string) =>
    emit('Unsqueeze', [emit('Gather', [x, places], { attributes: { axis: 0 } }), int64([1])]);
  return { cos: lookUp(cos), sin: lookUp(sin) };
}

/** Rotates the features of each head that are rotated at all. */
function rotateLeading(
  context: StageContext,
  x: string,
  table: { readonly cos: string; readonly sin: string },
): string {
  const algebra = onnxAlgebra(context.emitter);
  const { headDim } = context.decoder.attention;
  const rotated = context.next.attention.reading.fusedRotary?.rotated ?? headDim;
  const angles = { cos: asFloat(context, table.cos), sin: asFloat(context, table.sin) };
  if (rotated === headDim) return rotate(algebra, x, angles, headDim);
  const leading = rotate(algebra, algebra.slice(x, -1, 0, rotated), angles, rotated);
  return algebra.concat([leading, algebra.slice(x, -1, rotated, headDim)], -1);
}

/**
 * Logits as the graph itself spells them out, for the asking rows only: its nodes from the product to
 * the mask, copied, in float32.
 */
function emitOwnLogits(
  context: StageContext,
  nodes: NonNullable<DecoderLayer['attention']['reading']['logitNodes']>,
  start: string,
): string {
  const { emitter } = context;
  const { emit, int64 } = emitter;
  const [product, ...behind] = nodes;
  const operand = (index: number) =>
    copyForScore(context, (product && inputAt(product, index)) ?? '');
  const queries = emit('Slice', [operand(0), start, int64([toTheEnd]), int64([-2])]);
  let logits = emit('MatMul', [asFloat(context, queries), asFloat(context, operand(1))]);
  let carried = product && outputAt(product, 0);
  for (const node of behind) {
    const inputs = node.input.map((name) =>
      name === carried ? logits : asFloat(context, copyForScore(context, name)),
    );
    if (node.opType !== 'Cast') logits = emit(node.opType, inputs);
    carried = outputAt(node, 0);
  }
  return logits;
}

/** A value on the way to attention, over every token in front of the prune. */
function copyForScore({ graph, emitters, next, stage, index }: StageContext, value: string): string {
  const projections = new Set(next.attention.projections);
  const suffix = `scored_after_layer_${stage.afterLayer}`;
  return copyRegion(graph, value, projections, emitters.copy, index, suffix);
}
