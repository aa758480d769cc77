/** What a family's reading of a `config.json` answers, and what several of them share. */
import { type Fields, sizeOf } from '../fields.js';
import type { LinearSize, VisionEncoder } from '../model.js';

/** An encoder and how many image tokens a picture becomes. */
export interface VisionReading {
  /** null where it is not counted: `uncounted` says why. */
  readonly encoder: VisionEncoder | null;
  readonly uncounted?: string;
  readonly imageTokens: number;
  readonly imageAssumption: string;
}

/**
 * Reads one family. Numbers in it are the defaults of the family's configuration class in
 * `transformers`, which a `config.json` may leave out.
 *
 * @param outer the whole `config.json`
 * @param vision its `vision_config`
 * @param decoderHidden the decoder's hidden size, where the projector ends
 * @returns null if the encoder is another one than the family's
 */
export type VisionFamily = (
  outer: Fields,
  vision: Fields,
  decoderHidden: number,
) => VisionReading | null;

/** Sizes of a vision transformer that its configuration class stands in with. */
export interface TowerDefaults {
  /** Edge of a patch, in pixels. */
  readonly patch: number;
  /** Edge of a picture or tile, in pixels. */
  readonly edge: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
}

/** CLIPVisionConfig. */
export const clipDefaults: TowerDefaults = {
  patch: 32,
  edge: 224,
  hiddenSize: 768,
  intermediateSize: 3072,
  layers: 12,
};

/** SiglipVisionConfig and Siglip2VisionConfig. */
export const siglipDefaults: TowerDefaults = { ...clipDefaults, patch: 16 };

/** A plain vision transformer in which every patch sees all others. */
export interface Tower {
  readonly patch: number;
  readonly edge: number;
  readonly hiddenSize: number;
  /** Patches in one picture or tile. */
  readonly patches: number;
  /** The encoder, but for its layout and projector. */
  readonly sizes: Omit<VisionEncoder, 'layout' | 'projector'>;
}

/** Reads a plain vision transformer with an MLP of two matrices and no token beside the patches. */
export function towerOf(vision: Fields, defaults: TowerDefaults): Tower {
  const patch = edgeOf(vision, 'patch_size', defaults.patch);
  const edge = edgeOf(vision, 'image_size', defaults.edge);
  const hiddenSize = sizeOf(vision, 'hidden_size', defaults.hiddenSize);
  const layers = sizeOf(vision, 'num_hidden_layers', defaults.layers);
  return {
    patch,
    edge,
    hiddenSize,
    patches: Math.floor(edge / patch) ** 2,
    sizes: {
      extraTokens: 0,
      patchInputs: sizeOf(vision, 'num_channels', 3) * patch ** 2,
      hiddenSize,
      intermediateSize: sizeOf(vision, 'intermediate_size', defaults.intermediateSize),
      gatedMlp: false,
      layers,
      fullAttentionLayers: layers,
      windowPatches: null,
    },
  };
}

/** An edge in pixels; some files give height and width. */
function edgeOf(fields: Fields, name: string, fallback: number): number {
  const value = fields[name];
  return sizeOf({ [name]: Array.isArray(value) ? value[0] : value }, name, fallback);
}

/** The two-layer MLP that many projectors are. */
export function twoLayers(inputs: number, hidden: number, outputs: number): LinearSize[] {
  return [
    { inputs, outputs: hidden },
    { inputs: hidden, outputs },
  ];
}

/** Edge of the square picture that encoders of whole pictures are stated for, in pixels. */
const squareEdge = 672;

/**
 * The square picture, in image tokens.
 *
 * @param unit edge of the square that becomes one image token, in pixels
 */
export function squarePicture(
  unit: number,
): Pick<VisionReading, 'imageTokens' | 'imageAssumption'> {
  return {
    imageTokens: Math.floor(squareEdge / unit) ** 2,
    imageAssumption: `one picture of ${squareEdge} x ${squareEdge} pixels`,
  };
}

/** The photo that tiled encoders are stated for: width, height in pixels. */
export const photo = { width: 2048, height: 1536 } as const;

/**
 * Tiles across and down whose shape is nearest to the photo's.
 *
 * Source: `find_closest_aspect_ratio` of InternVL's and LFM2-VL's processors.
 */
export function tilesOfPhoto(least: number, most: number): [across: number, down: number] {
  const shape = photo.width / photo.height;
  let best: [number, number] = [1, 1];
  let distance = Number.POSITIVE_INFINITY;
  for (let across = 1; across <= most; across++) {
    for (let down = 1; down <= most; down++) {
      const count = across * down;
      const off = Math.abs(across / down - shape);
      if (count < least || count > most || off >= distance) continue;
      [best, distance] = [[across, down], off];
    }
  }
  return best;
}

/** Tiles at most, by the processors of InternVL, Aya Vision and Command A Vision. */
const mostTiles = 12;

/**
 * The photo in tiles and an overview, in image tokens.
 *
 * @param edge of a tile, in pixels
 * @param tokens that a tile becomes
 */
export function photoInTiles(
  edge: number,
  tokens: number,
): Pick<VisionReading, 'imageTokens' | 'imageAssumption'> {
  const [across, down] = tilesOfPhoto(1, mostTiles);
  const tiles = across * down + 1;
  return {
    imageTokens: tiles * tokens,
    imageAssumption: `a 4:3 picture in ${tiles} tiles, ${across} x ${down} and the overview; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
}
