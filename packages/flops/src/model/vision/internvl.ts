/**
 * InternVL: a vision transformer with a class token on tiles; patches are laid side by side and pass a
 * two-layer MLP. Source: InternVLConfig, InternVLVisionConfig, InternVLMultiModalProjector, and the
 * 12 tiles at most of the processors on the hub.
 */
import { numberIn } from '../fields.js';
import { photoInTiles, towerOf, twoLayers, type VisionFamily } from './reading.js';

const defaults = { patch: 14, edge: 448, hiddenSize: 1024, intermediateSize: 4096, layers: 24 };

export const internVl: VisionFamily = (outer, vision, decoderHidden) => {
  const { patches, edge, hiddenSize, sizes } = towerOf(vision, defaults);
  const merged = Math.round(1 / (numberIn(outer, 'downsample_ratio') ?? 0.5)) ** 2;
  const tokens = patches / merged;
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens },
      extraTokens: 1,
      projector: twoLayers(hiddenSize * merged, decoderHidden, decoderHidden),
    },
    ...photoInTiles(edge, tokens),
  };
};
