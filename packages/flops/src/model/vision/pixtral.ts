/**
 * Mistral 3 and LightOnOCR: Pixtral's encoder on the whole picture, gated MLPs; `spatial_merge_size^2`
 * patches become one by a matrix, and pass a two-layer MLP. The tokens that end each row are text.
 *
 * Source: PixtralVisionConfig, Mistral3Config, Mistral3PatchMerger, LightOnOcrConfig.
 */
import { sizeOf } from '../fields.js';
import { squarePicture, towerOf, twoLayers, type VisionFamily } from './reading.js';

const defaults = { patch: 16, edge: 1024, hiddenSize: 1024, intermediateSize: 4096, layers: 24 };

export const pixtral: VisionFamily = (outer, vision, decoderHidden) => {
  if (vision.model_type !== undefined && vision.model_type !== 'pixtral') return null;
  const { patch, hiddenSize, sizes } = towerOf(vision, defaults);
  const side = sizeOf(outer, 'spatial_merge_size', 2);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'whole', patchesPerToken: side ** 2 },
      gatedMlp: true,
      projector: [
        { inputs: hiddenSize * side ** 2, outputs: hiddenSize },
        ...twoLayers(hiddenSize, decoderHidden, decoderHidden),
      ],
    },
    ...squarePicture(patch * side),
  };
};
