/** Attention with query heads in groups that share a key and a value head. */
import { type MixerKind, pairsOf } from './kind.js';

export interface Attention {
  readonly kind: 'attention';
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Keys that a token sees, itself among them; null where it sees all before it. */
  readonly window: number | null;
  /**
   * The layer (from 1) whose keys and values this one attends to: it has no matrices for its own and
   * no cache. null for a layer with its own. Source: `num_kv_shared_layers` of Gemma 3n and 4.
   */
  readonly lender: number | null;
  /** Values are the keys before their norm: no matrix for values. Source: Gemma 4 `attention_k_eq_v`. */
  readonly keysAreValues: boolean;
  /** A gate as wide as the queries, made by the same matrix. Source: Qwen3-Next, Qwen3.5. */
  readonly outputGate: boolean;
}

/**
 * Share of the query-key square that attention computes. Common kernels compute all of it and mask
 * afterwards: a matrix product for the scores, one for the mixture. A kernel that skips what lies
 * above the diagonal would do with about half. A window, on the other hand, is taken to be skipped:
 * tokens see `window` keys each.
 */
export const attentionSquareShare = 1;

function queryKeyValue(
  { heads, kvHeads, headDim, lender, keysAreValues, outputGate }: Attention,
  hiddenSize: number,
): number {
  const query = heads * (outputGate ? 2 : 1);
  const keyValue = lender === null ? kvHeads * (keysAreValues ? 1 : 2) : 0;
  return hiddenSize * (query + keyValue) * headDim;
}

export const attention: MixerKind<Attention> = {
  weights(mixer, hiddenSize) {
    return queryKeyValue(mixer, hiddenSize) + mixer.heads * mixer.headDim * hiddenSize;
  },
  queryKeyValue,
  mixing({ heads, headDim, window }, load) {
    return 2 * attentionSquareShare * pairsOf(load, window) * heads * headDim;
  },
  cache({ kvHeads, headDim, window, lender }, length, { windowedCache }) {
    if (lender !== null) return { elements: 0, float32: 0 };
    const kept = windowedCache && window !== null ? Math.min(length, window) : length;
    return { elements: 2 * kept * kvHeads * headDim, float32: 0 };
  },
};
