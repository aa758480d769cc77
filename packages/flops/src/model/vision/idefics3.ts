/**
 * Idefics3 and SmolVLM: SigLIP on tiles; `scale_factor^2` patches are laid side by side and pass one
 * matrix. Source: Idefics3Config, Idefics3VisionConfig, and the image processor's default size of
 * four tiles along the longer edge.
 */
import { sizeOf } from '../fields.js';
import { towerOf, type VisionFamily } from './reading.js';

const defaults = { patch: 32, edge: 224, hiddenSize: 1152, intermediateSize: 3072, layers: 12 };

/** Tiles of a 4:3 picture, enlarged to four tiles across: 4 x 3 and the overview. */
const tiles = 13;

export const idefics3: VisionFamily = (outer, vision, decoderHidden) => {
  const { patches, edge, hiddenSize, sizes } = towerOf(vision, defaults);
  const merged = sizeOf(outer, 'scale_factor', 2) ** 2;
  const tokens = patches / merged;
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'tiles', patches, tokens },
      projector: [{ inputs: hiddenSize * merged, outputs: decoderHidden }],
    },
    imageTokens: tiles * tokens,
    imageAssumption: `a 4:3 picture in ${tiles} tiles, 4 x 3 and the overview; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
};
