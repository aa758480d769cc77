/** Idefics2: a perceiver leaves a fixed number of tokens of a picture. Source: Idefics2PerceiverConfig. */
import { fieldsOf, sizeOf } from '../fields.js';
import type { VisionFamily } from './reading.js';

export const idefics2: VisionFamily = (outer) => {
  const perceiver = fieldsOf(outer.perceiver_config ?? {}, 'perceiver_config');
  return {
    encoder: null,
    uncounted: 'the vision encoder is not counted: its perceiver is not known here',
    imageTokens: sizeOf(perceiver, 'resampler_n_latents', 64),
    imageAssumption: 'one picture, not split',
  };
};
