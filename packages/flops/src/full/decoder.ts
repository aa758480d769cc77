/**
 * Multiply-adds of a LLaMA-style decoder with grouped-query heads, matrix products only: norms,
 * rotary embedding, softmax and activations are left out, as they are of the order of one hidden
 * size per token where a matrix is of the order of its square.
 */
import type { DecoderConfig } from '@transprune/core';

/**
 * Share of the query-key square that attention computes. Common kernels compute all of it and mask
 * afterwards: a matrix product for the scores, one for the mixture. A kernel that skips what lies
 * above the diagonal would do with about half.
 */
export const attentionSquareShare = 1;

/** One run of tokens through the decoder, part by part. */
export interface DecoderCost {
  /** q, k, v and o. */
  readonly projections: number;
  /** Scores and mixture. */
  readonly attention: number;
  /** Gate, up and down. */
  readonly mlp: number;
  readonly lmHead: number;
  readonly total: number;
}

/** Multiply-adds of q, k and v for one token in one layer. */
export function queryKeyValueCost(decoder: DecoderConfig): number {
  const { hiddenSize, heads, kvHeads, headDim } = decoder;
  return hiddenSize * (heads + 2 * kvHeads) * headDim;
}

/** Tokens that go through one layer, and the keys that they attend to. */
export interface LayerLoad {
  readonly tokens: number;
  readonly keys: number;
}

/**
 * The decoder's cost for the given load of each layer.
 *
 * @param logitPositions for how many tokens the lm head computes logits
 */
export function decoderCost(
  decoder: DecoderConfig,
  loads: readonly LayerLoad[],
  logitPositions: number,
): DecoderCost {
  const { hiddenSize, heads, headDim, intermediateSize, vocabularySize } = decoder;
  const tokens = loads.reduce((sum, load) => sum + load.tokens, 0);
  const pairs = loads.reduce((sum, load) => sum + load.tokens * load.keys, 0);
  const projections = tokens * (queryKeyValueCost(decoder) + heads * headDim * hiddenSize);
  const attention = 2 * attentionSquareShare * pairs * heads * headDim;
  const mlp = tokens * 3 * hiddenSize * intermediateSize;
  const lmHead = logitPositions * hiddenSize * vocabularySize;
  return { projections, attention, mlp, lmHead, total: projections + attention + mlp + lmHead };
}

/**
 * Bytes of keys and values.
 *
 * @param lengths tokens in each layer's cache
 */
export function cacheBytes(
  { kvHeads, headDim }: DecoderConfig,
  lengths: readonly number[],
  bytesPerElement: number,
): number {
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return 2 * tokens * kvHeads * headDim * bytesPerElement;
}
