/** LLaVA and its relatives: a grid of patches, each of them an image token. */
import type { Fields } from '../fields.js';
import {
  clipDefaults,
  siglipDefaults,
  towerOf,
  twoLayers,
  type VisionFamily,
  type VisionReading,
} from './reading.js';

/** Encoders that are understood; a file that names none means CLIP. */
const encoders: readonly unknown[] = [undefined, 'clip_vision_model', 'siglip_vision_model'];

const oneTile: VisionFamily = (outer, vision, hidden) =>
  read(outer, vision, hidden, { tiles: 1, grid: 'one tile', layer: -2 });

const gridOfTiles = 'a 2 x 2 grid of tiles and the overview, without line breaks';

/** LlavaConfig. */
export const llava = oneTile;

/** LlavaNextConfig. */
export const llavaNext: VisionFamily = (outer, vision, hidden) =>
  read(outer, vision, hidden, { tiles: 5, grid: gridOfTiles, layer: -2 });

/** LlavaOnevisionConfig: SigLIP to its last layer. */
export const llavaOnevision: VisionFamily = (outer, vision, hidden) =>
  vision.model_type === 'siglip_vision_model'
    ? read(outer, vision, hidden, { tiles: 5, grid: gridOfTiles, layer: -1 })
    : null;

/**
 * CLIP with a class token, or SigLIP without, read at `vision_feature_layer`; each patch is a token and
 * passes a two-layer MLP.
 */
function read(
  outer: Fields,
  vision: Fields,
  decoderHidden: number,
  family: { readonly tiles: number; readonly grid: string; readonly layer: number },
): VisionReading | null {
  if (!encoders.includes(vision.model_type)) return null;
  const siglip = vision.model_type === 'siglip_vision_model';
  const classToken = siglip ? 0 : 1;
  const tower = towerOf(vision, siglip ? siglipDefaults : clipDefaults);
  const depth = tower.sizes.layers;
  const featureLayers = layersRead(outer.vision_feature_layer, family.layer, depth);
  const layers = Math.max(...featureLayers);
  const { patches, edge, hiddenSize } = tower;
  const tokens = outer.vision_feature_select_strategy === 'full' ? patches + classToken : patches;
  return {
    encoder: {
      ...tower.sizes,
      layout: { kind: 'tiles', patches, tokens },
      extraTokens: classToken,
      layers,
      fullAttentionLayers: layers,
      projector: twoLayers(hiddenSize * featureLayers.length, decoderHidden, decoderHidden),
    },
    imageTokens: family.tiles * tokens,
    imageAssumption: `${family.grid}; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
}

/**
 * Layers whose output is read: one, or several that are laid side by side (Granite Vision). Hidden state 0 is
 * what enters layer 1, -1 what leaves the last one.
 */
function layersRead(given: unknown, fallback: number, depth: number): number[] {
  const states = (Array.isArray(given) ? given : [given]).map((state) =>
    typeof state === 'number' ? state : fallback,
  );
  return states.map((state) => (state < 0 ? depth + 1 + state : state));
}
