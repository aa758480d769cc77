/** Encoders of whole pictures in models for reading documents. */
import { sizeOf } from '../fields.js';
import { squarePicture, towerOf, twoLayers, type VisionFamily } from './reading.js';

const defaults = { patch: 14, edge: 384, hiddenSize: 1152, intermediateSize: 4304, layers: 27 };

/**
 * PaddleOCR-VL: SigLIP on the whole picture; `spatial_merge_size^2` patches are laid side by side and pass
 * a two-layer MLP. Source: PaddleOCRVisionConfig, PaddleOCRProjector.
 */
export const paddleOcr: VisionFamily = (_outer, vision, decoderHidden) => {
  const { patch, hiddenSize, sizes } = towerOf(vision, defaults);
  const side = sizeOf(vision, 'spatial_merge_size', 2);
  const merged = hiddenSize * side ** 2;
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'whole', patchesPerToken: side ** 2 },
      projector: twoLayers(merged, merged, decoderHidden),
    },
    ...squarePicture(patch * side),
  };
};

/** GLM-4.1V and GLM-OCR: a grid of merged patches. Source: Glm4vVisionConfig, GlmOcrVisionConfig. */
export const glm: VisionFamily = (outer, vision) => ({
  encoder: null,
  uncounted: `the vision encoder is not counted: what model_type ${JSON.stringify(outer.model_type)} merges patches with is not known here`,
  ...squarePicture(sizeOf(vision, 'patch_size', 14) * sizeOf(vision, 'spatial_merge_size', 2)),
});
