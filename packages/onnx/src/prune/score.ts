/**
 * Score and select: the nodes that give every token a score at a stage, and the indices of those that
 * stay.
 */
import {
  type AttentionShape,
  blockedLogit,
  instructionAttention,
  layerTransition,
  methodByName,
  newlyAccumulatedLayers,
  type PrunePlan,
  type SignalName,
  type TensorAlgebra,
  uniformNoise,
} from '@transprune/core';
import { onnxAlgebra } from '../algebra.js';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';

/** What is known about the tokens at some depth; every value is over the tokens that are left. */
export interface TokenState {
  /** float32 `[1, tokens]`, 1 at image tokens. */
  readonly imageMask: string;
  /** float32 `[1, tokens]`, summed over the accumulated layers so far. */
  readonly transition?: string | undefined;
  /** int64 `[tokens]`, positions in the input sequence. */
  readonly positions?: string | undefined;
}

/** Added to text tokens, so that they outrank every score. */
const textBonus = 1e30;

/** Most positions that the `noise` signal tells apart; further ones start over. */
const noiseTable = 16384;

/** The accumulated transition at a stage, the layers since the previous stage added. */
export function emitTransition(
  emitter: Emitter,
  layers: readonly DecoderLayer[],
  plan: PrunePlan,
  stage: number,
  before: string | undefined,
): string | undefined {
  if (!methodByName(plan.method).needs.includes('transition')) return undefined;
  const algebra = onnxAlgebra(emitter);
  return newlyAccumulatedLayers(plan, stage)
    .flatMap((number) => layers[number - 1] ?? [])
    .map(({ attention, ffn }) => layerTransition(algebra, [attention, ffn], plan.direction))
    .reduce<string | undefined>((sum, value) => (sum ? algebra.add(sum, value) : value), before);
}

/** The method's score at a stage, 0 at text tokens: float32 `[1, tokens]`. */
export function emitScore(
  emitter: Emitter,
  decoder: Decoder,
  plan: PrunePlan,
  next: DecoderLayer,
  state: TokenState,
): string {
  const algebra = onnxAlgebra(emitter);
  const method = methodByName(plan.method);
  const read: Record<SignalName, () => string> = {
    transition: () => known('transition', state.transition),
    instructionAttention: () => emitInstructionAttention(emitter, decoder, next, state.imageMask),
    noise: () => emitNoise(emitter, plan.seed, known('positions', state.positions)),
  };
  const signals = Object.fromEntries(method.needs.map((name) => [name, read[name]()]));
  const score = method.score(algebra, signals as Record<SignalName, string>, state.imageMask);
  return algebra.multiply(score, state.imageMask);
}

/** What a valid plan has made by the time that a method asks for it. */
function known(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`expected ${name} to be known before they are scored`);
  return value;
}

/**
 * Indices of the tokens that stay, ascending: int64 `[kept]`. With no image token in the sequence
 * they are all there is.
 *
 * @param originalImages float64 scalar, image tokens at the start
 */
export function emitSelection(
  emitter: Emitter,
  score: string,
  imageMask: string,
  originalImages: string,
  keepRatio: number,
): string {
  const { emit } = emitter;
  const algebra = onnxAlgebra(emitter);
  const toInt = { attributes: { to: TensorProto_DataType.INT64 } };
  // The product is taken in float64: float32 can round up to the next whole number.
  const keptImages = emit('Floor', [emit('Mul', [originalImages, emitter.double(keepRatio)])]);
  const isText = algebra.subtract(algebra.constant(1), imageMask);
  const texts = emit('Cast', [algebra.sum(isText, [0, 1])], toInt);
  const kept = emit('Add', [texts, emit('Cast', [keptImages], toInt)]);
  const count = emit('Reshape', [kept, emitter.int64([1])]);

  const ranked = algebra.add(score, algebra.multiply(isText, algebra.constant(textBonus)));
  const best = emitTopK(emitter, ranked, count);
  // Sorting the indices as negative floats keeps the work on a GPU, whose TopK has no integers.
  const asFloat = emit('Cast', [best], { attributes: { to: TensorProto_DataType.FLOAT } });
  const order = emitTopK(emitter, algebra.negate(asFloat), count);
  const ascending = emit('GatherElements', [best, order], { attributes: { axis: -1 } });
  return emit('Squeeze', [ascending, emitter.int64([0])]);
}

/** Indices of the `count` largest along the last axis, largest first. */
function emitTopK(emitter: Emitter, x: string, count: string): string {
  const values = `${x}/largest`;
  const indices = `${x}/indices`;
  emitter.emit('TopK', [x, count], { attributes: { axis: -1 }, outputs: [values, indices] });
  return indices;
}

/** Instruction-guided attention with the projections of the layer behind the prune. */
function emitInstructionAttention(
  emitter: Emitter,
  { attention: shape }: Decoder,
  { attention }: DecoderLayer,
  imageMask: string,
): string {
  const { emit } = emitter;
  const algebra = onnxAlgebra(emitter);
  const tokens = emit('Shape', [imageMask], { attributes: { start: 1, end: 2 } });
  const lastImage = emit('ArgMax', [imageMask], {
    attributes: { axis: 1, keepdims: 0, select_last_index: 1 },
  });
  // The last token asks where no instruction follows; it does as well where there is no image.
  const start = emit('Min', [
    emit('Add', [lastImage, emitter.int64([1])]),
    emit('Sub', [tokens, emitter.int64([1])]),
  ]);
  const rowsFrom = (x: string, from: string, to: string, axis: number) =>
    emit('Slice', [x, from, to, emitter.int64([axis])]);
  const { queries, keys } = queriesAndKeys(algebra, attention.projections, shape);
  const all = emitter.int64([0]);
  const table = (from: string) => ({
    cos: rowsFrom(attention.rotary.cos, from, tokens, 0),
    sin: rowsFrom(attention.rotary.sin, from, tokens, 0),
  });

  const scalar = (x: string) => emit('Squeeze', [x, emitter.int64([0])]);
  const columns = emit('Range', [emitter.int64([0], []), scalar(tokens), emitter.int64([1], [])]);
  const rows = emit('Unsqueeze', [rowsFrom(columns, start, tokens, 0), emitter.int64([1])]);
  const isBehind = emit('Cast', [emit('Greater', [columns, rows])], {
    attributes: { to: TensorProto_DataType.FLOAT },
  });
  return instructionAttention(
    algebra,
    {
      queries: rowsFrom(queries, start, tokens, 1),
      keys,
      queryRotary: table(start),
      keyRotary: table(all),
      causalBias: algebra.multiply(isBehind, algebra.constant(blockedLogit)),
    },
    shape,
  );
}

function queriesAndKeys(
  algebra: TensorAlgebra<string>,
  projections: DecoderLayer['attention']['projections'],
  { heads, kvHeads, headDim }: AttentionShape,
) {
  if (projections.kind === 'split') return { queries: projections.query, keys: projections.key };
  const keysFrom = heads * headDim;
  return {
    queries: algebra.slice(projections.value, -1, 0, keysFrom),
    keys: algebra.slice(projections.value, -1, keysFrom, keysFrom + kvHeads * headDim),
  };
}

function emitNoise(emitter: Emitter, seed: number, positions: string): string {
  const table = emitter.float(uniformNoise(seed, noiseTable));
  const wrapped = emitter.emit('Mod', [positions, emitter.int64([noiseTable])]);
  const noise = emitter.emit('Gather', [table, wrapped], { attributes: { axis: 0 } });
  return emitter.emit('Unsqueeze', [noise, emitter.int64([0])]);
}
