/** PaliGemma and Gemma 3 to 4: how many image tokens a picture becomes does not depend on the picture. */
import { sizeOf } from '../fields.js';
import { siglipDefaults, towerOf, type VisionFamily } from './reading.js';

/** Every patch is a token, after one matrix. Source: PaliGemmaConfig. */
export const paliGemma: VisionFamily = (_outer, vision, decoderHidden) => {
  const { patches, edge, hiddenSize, sizes } = towerOf(vision, siglipDefaults);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens: patches },
      projector: [{ inputs: hiddenSize, outputs: decoderHidden }],
    },
    imageTokens: patches,
    imageAssumption: `one picture of ${edge} x ${edge} pixels`,
  };
};

/** Patches are pooled to `mm_tokens_per_image` tokens, after one matrix. Source: Gemma3Config. */
export const gemma3: VisionFamily = (outer, vision, decoderHidden) => {
  const { patches, edge, hiddenSize, sizes } = towerOf(vision, siglipDefaults);
  const tokens = sizeOf(outer, 'mm_tokens_per_image', 256);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens },
      projector: [{ inputs: hiddenSize, outputs: decoderHidden }],
    },
    imageTokens: tokens,
    imageAssumption: `one picture of ${edge} x ${edge} pixels, pooled to mm_tokens_per_image`,
  };
};

/** MobileNet-V5 is convolutional and left out. Source: Gemma3nConfig. */
export const gemma3n: VisionFamily = (outer) => ({
  encoder: null,
  uncounted: 'the vision encoder is not counted: MobileNet-V5 is convolutional',
  imageTokens: sizeOf(outer, 'vision_soft_tokens_per_image', 256),
  imageAssumption: 'one picture, as its vision_soft_tokens_per_image says',
});

/** The processor's own budget. Source: Gemma4ImageProcessor `max_soft_tokens`. */
const gemma4Budget = 280;

/**
 * A picture takes as many patches as its budget of image tokens allows; `pooling_kernel_size^2` patches
 * are pooled to one token, after one matrix; gated MLPs. Source: Gemma4VisionConfig.
 */
export const gemma4: VisionFamily = (outer, vision, decoderHidden) => {
  const defaults = { ...siglipDefaults, layers: 16 };
  const { hiddenSize, sizes } = towerOf(vision, defaults);
  const own = sizeOf(vision, 'default_output_length', gemma4Budget);
  const tokens = sizeOf(outer, 'vision_soft_tokens_per_image', own);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'whole', patchesPerToken: sizeOf(vision, 'pooling_kernel_size', 3) ** 2 },
      gatedMlp: true,
      projector: [{ inputs: hiddenSize, outputs: decoderHidden }],
    },
    imageTokens: tokens,
    imageAssumption: `one picture that fills its budget of ${tokens} tokens`,
  };
};
