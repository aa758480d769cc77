/**
 * Linear attention by the gated delta rule: queries, keys and values pass a short causal convolution;
 * each value head keeps a matrix `[key dim, value dim]` that decays, is corrected by each token and is
 * read by its query.
 *
 * Source: Gated DeltaNet (arXiv 2412.06464), Qwen3NextGatedDeltaNet and Qwen3_5GatedDeltaNet in
 * `transformers`.
 */
import type { MixerKind } from './kind.js';

export interface DeltaRule {
  readonly kind: 'delta-rule';
  /** Heads of queries and keys. */
  readonly keyHeads: number;
  /** Heads of values; a multiple of `keyHeads`. */
  readonly valueHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  /** Tokens that a filter covers, the token itself among them; the state holds one column less. */
  readonly kernel: number;
}

/** Per token and head the state is read by the key, corrected, and read by the query. */
const passesOverState = 3;

/** Channels of queries, keys and values together. */
function channels({ keyHeads, valueHeads, keyDim, valueDim }: DeltaRule): number {
  return 2 * keyHeads * keyDim + valueHeads * valueDim;
}

export const deltaRule: MixerKind<DeltaRule> = {
  /** Queries, keys, values; the output's gate; decay and strength of each head; and the way back. */
  weights(mixer, hiddenSize) {
    const { valueHeads, valueDim } = mixer;
    const values = valueHeads * valueDim;
    return hiddenSize * (channels(mixer) + values + 2 * valueHeads) + values * hiddenSize;
  },
  queryKeyValue: () => null,
  /** Token by token. Kernels that work in chunks of 64 compute about twice as much. */
  mixing(mixer, { tokens }) {
    const { valueHeads, keyDim, valueDim, kernel } = mixer;
    const state = passesOverState * valueHeads * keyDim * valueDim;
    return tokens * (state + kernel * channels(mixer));
  },
  /** The matrices are kept in float32, as `mamba_ssm_dtype` in Qwen3.5's files says. */
  cache(mixer) {
    const { valueHeads, keyDim, valueDim, kernel } = mixer;
    return {
      elements: channels(mixer) * (kernel - 1),
      float32: valueHeads * keyDim * valueDim,
    };
  },
};
