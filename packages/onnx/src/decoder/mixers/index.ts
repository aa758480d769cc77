import { causalConvolution } from './causal-convolution.js';
import type { MixerFamily } from './family.js';
import { linearAttention } from './linear-attention.js';
import { spelledOutConvolution } from './spelled-out-convolution.js';

/** Every mixer but attention that is understood, tried in this order. */
export const mixerFamilies: readonly MixerFamily[] = [
  causalConvolution,
  linearAttention,
  spelledOutConvolution,
];
