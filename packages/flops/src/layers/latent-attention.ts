/**
 * Multi-head latent attention: keys and values of all heads are made out of one short vector a token,
 * and that vector is the cache.
 *
 * Source: DeepSeek-V2 (arXiv 2405.04434), DeepseekV2Attention, DeepseekV3Attention and
 * MiniCPM3Attention in `transformers`.
 */
import { attentionSquareShare } from './attention.js';
import { type MixerKind, pairsOf } from './kind.js';

export interface LatentAttention {
  readonly kind: 'latent-attention';
  readonly heads: number;
  /** Length of the vector that queries are made of; null where they are made of the hidden state. */
  readonly queryRank: number | null;
  /** Length of the vector that keys and values are made of. */
  readonly latentRank: number;
  /** Numbers of a query or key head that are not rotated. */
  readonly plainDim: number;
  /** Those that are; of keys there is one such part for all heads. */
  readonly rotaryDim: number;
  readonly valueDim: number;
}

function queryKeyValue(mixer: LatentAttention, hiddenSize: number): number {
  const { heads, queryRank, latentRank, plainDim, rotaryDim } = mixer;
  const queries = heads * (plainDim + rotaryDim);
  const query =
    queryRank === null ? hiddenSize * queries : hiddenSize * queryRank + queryRank * queries;
  return query + hiddenSize * (latentRank + rotaryDim) + expansion(mixer);
}

/** From the short vector to keys and values of all heads, for one token. */
function expansion({ heads, latentRank, plainDim, valueDim }: LatentAttention): number {
  return latentRank * heads * (plainDim + valueDim);
}

export const latentAttention: MixerKind<LatentAttention> = {
  weights(mixer, hiddenSize) {
    return queryKeyValue(mixer, hiddenSize) + mixer.heads * mixer.valueDim * hiddenSize;
  },
  queryKeyValue,
  /**
   * A prompt expands its keys and values, once for each token. A token fed alone would have to expand
   * the whole cache; what is counted is the absorbed form that servers run: queries are brought to the
   * short vectors instead (as many multiply-adds as one token's expansion, which `weights` holds).
   */
  mixing({ heads, latentRank, plainDim, rotaryDim, valueDim }, load) {
    const perPair = load.oneByOne ? 2 * latentRank + rotaryDim : plainDim + rotaryDim + valueDim;
    return attentionSquareShare * pairsOf(load, null) * heads * perPair;
  },
  cache({ latentRank, rotaryDim }, length) {
    return { elements: length * (latentRank + rotaryDim), float32: 0 };
  },
};
