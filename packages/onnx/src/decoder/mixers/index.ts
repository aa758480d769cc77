import { createRegistry } from '../registry.js';
import { causalConvolution } from './causal-convolution.js';
import type { MixerFamily } from './family.js';
import { linearAttention } from './linear-attention.js';
import { spelledOutConvolution } from './spelled-out-convolution.js';

const registry = createRegistry<MixerFamily>('a mixer', [
  causalConvolution,
  linearAttention,
  spelledOutConvolution,
]);

/** Every mixer but attention that is understood, tried in this order. */
export const mixerFamilies = registry.all;

/**
 * Teaches every later reading of a graph another mixer. It is asked before those that were there. Registering the
 * same one again changes nothing.
 *
 * @throws TransPruneError INVALID_ARGUMENT for another mixer of a name that is taken
 */
export const registerMixerFamily = registry.register;
