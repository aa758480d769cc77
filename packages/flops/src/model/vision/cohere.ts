/**
 * Aya Vision and Command A Vision: SigLIP on tiles; `downsample_factor^2` patches are laid side by side and
 * pass two matrices with a gate between them. Source: AyaVisionConfig, Cohere2VisionConfig and their
 * projectors; the 12 tiles at most of their processors.
 */
import { sizeOf } from '../fields.js';
import { photoInTiles, siglipDefaults, towerOf, type VisionFamily } from './reading.js';

/** Cohere2VisionConfig; Aya Vision's projector is as wide as the decoder if its file does not say. */
const cohere2Alignment = 36864;

export const cohereVision: VisionFamily = (outer, vision, decoderHidden) => {
  const { patches, patch, edge, hiddenSize, sizes } = towerOf(vision, siglipDefaults);
  const factor = sizeOf(outer, 'downsample_factor', 2);
  const tokens = Math.floor(edge / patch / factor) ** 2;
  const width = outer.model_type === 'cohere2_vision' ? cohere2Alignment : decoderHidden;
  const alignment = sizeOf(outer, 'alignment_intermediate_size', width);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens },
      projector: [
        { inputs: hiddenSize * factor ** 2, outputs: alignment },
        { inputs: Math.floor(alignment / 2), outputs: decoderHidden },
      ],
    },
    ...photoInTiles(edge, tokens),
  };
};
