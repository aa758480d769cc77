/** A mixture of experts: a router picks a few gated MLPs for each token. */
import type { FfnKind } from './kind.js';

export interface Experts {
  readonly kind: 'experts';
  readonly experts: number;
  /** Experts that one token passes. */
  readonly perToken: number;
  readonly width: number;
  /** Width of what every token passes beside them, shared experts or a dense MLP; 0 without. */
  readonly sharedWidth: number;
  /** The shared expert has a gate of one number (Qwen2-MoE, Qwen3-Next, Qwen3.5-MoE). */
  readonly sharedGate: boolean;
}

/** Gate, up and down. */
const matrices = 3;

export const experts: FfnKind<Experts> = {
  weights(ffn, hiddenSize) {
    const router = hiddenSize * (ffn.experts + (ffn.sharedGate ? 1 : 0));
    return router + matrices * hiddenSize * experts.width(ffn);
  },
  width: ({ perToken, width, sharedWidth }) => perToken * width + sharedWidth,
};
