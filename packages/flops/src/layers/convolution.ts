/**
 * A gated causal convolution over the last few tokens: the hidden state becomes two gates and the
 * signal, each channel has a filter of its own, one matrix leads back.
 *
 * Source: Lfm2ShortConv in `transformers`.
 */
import type { MixerKind } from './kind.js';

export interface Convolution {
  readonly kind: 'convolution';
  /** Tokens that a filter covers, the token itself among them. */
  readonly kernel: number;
  /** Channels, as many as the hidden size. */
  readonly channels: number;
  /** Columns of its state: LFM2 keeps as many as the filter covers (`conv_L_cache`). */
  readonly stateColumns: number;
}

export const convolution: MixerKind<Convolution> = {
  weights({ channels }, hiddenSize) {
    return 4 * hiddenSize * channels;
  },
  queryKeyValue: () => null,
  mixing({ kernel, channels }, { tokens }) {
    return tokens * kernel * channels;
  },
  cache({ channels, stateColumns }) {
    return { elements: channels * stateColumns, float32: 0 };
  },
};
