/**
 * Multiply-adds of a decoder, summed over its layers by what each of them is; matrix products only:
 * norms, rotary embedding, softmax and activations are left out, as they are of the order of one
 * hidden size per token where a matrix is of the order of its square.
 */
import { ffnKind, mixerKind } from '../layers/index.js';
import { type CachePolicy, type CacheSize, type LayerLoad, linearCost } from '../layers/kind.js';
import type { DecoderDescription } from '../model/decoder.js';

export { attentionSquareShare } from '../layers/attention.js';
export type { LayerLoad } from '../layers/kind.js';

/** One run of tokens through the decoder, part by part. */
export interface DecoderCost {
  /** Matrices of the mixers, q, k, v and o; and those beside the modules (per-layer inputs). */
  readonly projections: number;
  /** What tokens do with one another: scores and mixture, convolution, delta rule. */
  readonly attention: number;
  /** Gate, up and down; router and experts. */
  readonly mlp: number;
  readonly lmHead: number;
  readonly total: number;
}

/**
 * The decoder's cost for the given load of each layer.
 *
 * @param logitPositions for how many tokens the lm head computes logits
 */
export function decoderCost(
  decoder: DecoderDescription,
  loads: readonly LayerLoad[],
  logitPositions: number,
): DecoderCost {
  const { hiddenSize, vocabularySize, layers, entry, exit } = decoder;
  let projections =
    (loads[0]?.tokens ?? 0) * linearCost(entry) + (loads.at(-1)?.tokens ?? 0) * linearCost(exit);
  let attention = 0;
  let mlp = 0;
  layers.forEach(({ mixer, ffn, beside }, at) => {
    const load = loads[at];
    if (!load) return;
    const kind = mixerKind(mixer);
    projections += load.tokens * (kind.weights(mixer, hiddenSize) + linearCost(beside));
    attention += kind.mixing(mixer, { ...load, keys: keysSeen(decoder, loads, at) });
    mlp += load.tokens * ffnKind(ffn).weights(ffn, hiddenSize);
  });
  const lmHead = logitPositions * hiddenSize * vocabularySize;
  return { projections, attention, mlp, lmHead, total: projections + attention + mlp + lmHead };
}

/** A layer that borrows keys sees as many as their owner has. */
function keysSeen({ layers }: DecoderDescription, loads: readonly LayerLoad[], at: number): number {
  const mixer = layers[at]?.mixer;
  const lender = mixer?.kind === 'attention' && mixer.lender !== null ? mixer.lender - 1 : at;
  return loads[lender]?.keys ?? 0;
}

/** Numbers that one layer keeps. */
function layerCache(
  { layers }: DecoderDescription,
  at: number,
  length: number,
  policy: CachePolicy,
): CacheSize {
  const mixer = layers[at]?.mixer;
  return mixer ? mixerKind(mixer).cache(mixer, length, policy) : { elements: 0, float32: 0 };
}

const float32Bytes = 4;

/**
 * Bytes of keys, values and states.
 *
 * @param lengths tokens that went through each layer
 * @param bytesPerElement of keys, values and the states of convolutions; those of the delta rule are
 *   float32
 */
export function cacheBytes(
  decoder: DecoderDescription,
  lengths: readonly number[],
  bytesPerElement: number,
  policy: CachePolicy = { windowedCache: false },
): number {
  return lengths.reduce((sum, length, at) => {
    const { elements, float32 } = layerCache(decoder, at, length, policy);
    return sum + elements * bytesPerElement + float32 * float32Bytes;
  }, 0);
}
