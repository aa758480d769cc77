/**
 * InternVL: a vision transformer with a class token on tiles; patches are laid side by side and pass a
 * two-layer MLP. Source: InternVLConfig, InternVLVisionConfig, InternVLMultiModalProjector, and the
 * 12 tiles at most of the processors on the hub.
 */
import { numberIn } from '../fields.js';
import { tilesOfPhoto, towerOf, twoLayers, type VisionFamily } from './reading.js';

const defaults = { patch: 14, edge: 448, hiddenSize: 1024, intermediateSize: 4096, layers: 24 };
const mostTiles = 12;

export const internVl: VisionFamily = (outer, vision, decoderHidden) => {
  const { patches, edge, hiddenSize, sizes } = towerOf(vision, defaults);
  const merged = Math.round(1 / (numberIn(outer, 'downsample_ratio') ?? 0.5)) ** 2;
  const tokens = patches / merged;
  const [across, down] = tilesOfPhoto(1, mostTiles);
  const tiles = across * down + 1;
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens },
      extraTokens: 1,
      projector: twoLayers(hiddenSize * merged, decoderHidden, decoderHidden),
    },
    imageTokens: tiles * tokens,
    imageAssumption: `a 4:3 picture in ${tiles} tiles, ${across} x ${down} and the overview; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
};
