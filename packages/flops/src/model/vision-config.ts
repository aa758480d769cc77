/**
 * Vision encoders by the `vision_config` of a Hugging Face `config.json`. One function for each
 * family; the numbers in it are the defaults of that family's configuration class in
 * `transformers`, which a `config.json` may leave out.
 */
import { type Fields, fieldsOf, sizeOf } from './fields.js';
import type { VisionEncoder } from './model.js';

/** An encoder and how many image tokens a picture becomes. */
export interface VisionReading {
  readonly encoder: VisionEncoder;
  readonly imageTokens: number;
  readonly imageAssumption: string;
}

type Family = (outer: Fields, vision: Fields, decoderHidden: number) => VisionReading | null;

/** By the model's own `model_type`. */
const families: Readonly<Record<string, Family>> = {
  llava: (outer, vision, hidden) => llava(outer, vision, hidden, 1, 'one tile'),
  llava_next: (outer, vision, hidden) =>
    llava(outer, vision, hidden, 5, 'a 2 x 2 grid of tiles and the overview, without line breaks'),
  idefics3: pixelShuffle,
  smolvlm: pixelShuffle,
  qwen2_5_vl: qwen25,
};

export const visionFamilies = Object.keys(families) as readonly string[];

/**
 * Reads the vision encoder, or answers null if the model's family is not among `visionFamilies`, or its
 * encoder is another one than the family's.
 *
 * @param outer the whole `config.json`
 * @param decoderHidden the decoder's hidden size, where the projector ends
 * @throws TransPruneError INVALID_MODEL that names the field that is not a size
 */
export function visionReading(outer: Fields, decoderHidden: number): VisionReading | null {
  const family = families[String(outer.model_type)];
  if (!family || outer.vision_config === undefined) return null;
  return family(outer, fieldsOf(outer.vision_config, 'vision_config'), decoderHidden);
}

/** Encoders of LLaVA that are understood; a file that names none means CLIP. */
const llavaEncoders: readonly unknown[] = [undefined, 'clip_vision_model', 'siglip_vision_model'];

/**
 * LLaVA: CLIP with a class token, or SigLIP without, read at `vision_feature_layer`; each patch is a
 * token and passes a two-layer MLP. Source: LlavaConfig, CLIPVisionConfig.
 */
function llava(
  outer: Fields,
  vision: Fields,
  decoderHidden: number,
  tiles: number,
  grid: string,
): VisionReading | null {
  if (!llavaEncoders.includes(vision.model_type)) return null;
  const classToken = vision.model_type === 'siglip_vision_model' ? 0 : 1;
  const patch = sizeOf(vision, 'patch_size', 32);
  const edge = sizeOf(vision, 'image_size', 224);
  const hiddenSize = sizeOf(vision, 'hidden_size', 768);
  const depth = sizeOf(vision, 'num_hidden_layers', 12);
  const featureLayer =
    typeof outer.vision_feature_layer === 'number' ? outer.vision_feature_layer : -2;
  // Hidden state 0 is what enters layer 1, -1 what leaves the last one.
  const layers = featureLayer < 0 ? depth + 1 + featureLayer : featureLayer;
  const patches = Math.floor(edge / patch) ** 2;
  const tokens = outer.vision_feature_select_strategy === 'full' ? patches + classToken : patches;
  return {
    encoder: {
      layout: { kind: 'tiles', patches, tokens },
      extraTokens: classToken,
      patchInputs: sizeOf(vision, 'num_channels', 3) * patch ** 2,
      hiddenSize,
      intermediateSize: sizeOf(vision, 'intermediate_size', 3072),
      gatedMlp: false,
      layers,
      fullAttentionLayers: layers,
      windowPatches: null,
      projector: [
        { inputs: hiddenSize, outputs: decoderHidden },
        { inputs: decoderHidden, outputs: decoderHidden },
      ],
    },
    imageTokens: tiles * tokens,
    imageAssumption: `${grid}; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
}

/** Tiles of a 4:3 picture, enlarged to four tiles across: 4 x 3 and the overview. */
const tilesOfPhoto = 13;

/**
 * SmolVLM (Idefics3): SigLIP on tiles; `scale_factor^2` patches are laid side by side and pass one
 * matrix. Source: Idefics3Config, Idefics3VisionConfig, and the image processor's default size of
 * four tiles along the longer edge.
 */
function pixelShuffle(outer: Fields, vision: Fields, decoderHidden: number): VisionReading {
  const patch = sizeOf(vision, 'patch_size', 32);
  const edge = sizeOf(vision, 'image_size', 224);
  const hiddenSize = sizeOf(vision, 'hidden_size', 1152);
  const layers = sizeOf(vision, 'num_hidden_layers', 12);
  const merged = sizeOf(outer, 'scale_factor', 2) ** 2;
  const patches = Math.floor(edge / patch) ** 2;
  const tokens = patches / merged;
  return {
    encoder: {
      layout: { kind: 'tiles', patches, tokens },
      extraTokens: 0,
      patchInputs: sizeOf(vision, 'num_channels', 3) * patch ** 2,
      hiddenSize,
      intermediateSize: sizeOf(vision, 'intermediate_size', 3072),
      gatedMlp: false,
      layers,
      fullAttentionLayers: layers,
      windowPatches: null,
      projector: [{ inputs: hiddenSize * merged, outputs: decoderHidden }],
    },
    imageTokens: tilesOfPhoto * tokens,
    imageAssumption: `a 4:3 picture in ${tilesOfPhoto} tiles, 4 x 3 and the overview; a tile is ${edge} x ${edge} pixels and ${tokens} tokens`,
  };
}

/** Edge of the square picture that Qwen's default is stated for, in pixels. */
const squareEdge = 672;

/**
 * Qwen2.5-VL: the picture at its own size; patches see windows except in a few layers; a gated MLP;
 * `spatial_merge_size^2` patches are laid side by side and pass a two-layer MLP. A still picture is
 * fed as `temporal_patch_size` equal frames. Source: Qwen2_5_VLVisionConfig.
 */
function qwen25(_outer: Fields, vision: Fields, decoderHidden: number): VisionReading {
  const patch = sizeOf(vision, 'patch_size', 14);
  const hiddenSize = sizeOf(vision, 'hidden_size', 1280);
  const layers = sizeOf(vision, 'depth', 32);
  const merged = sizeOf(vision, 'spatial_merge_size', 2) ** 2;
  const fullLayers = vision.fullatt_block_indexes ?? [7, 15, 23, 31];
  const channels = sizeOf(vision, 'in_chans', sizeOf(vision, 'in_channels', 3));
  const imageTokens = Math.floor(squareEdge / patch) ** 2 / merged;
  return {
    encoder: {
      layout: { kind: 'whole', patchesPerToken: merged },
      extraTokens: 0,
      patchInputs: channels * sizeOf(vision, 'temporal_patch_size', 2) * patch ** 2,
      hiddenSize,
      intermediateSize: sizeOf(vision, 'intermediate_size', 3420),
      gatedMlp: true,
      layers,
      fullAttentionLayers: Array.isArray(fullLayers) ? fullLayers.length : layers,
      windowPatches: Math.floor(sizeOf(vision, 'window_size', 112) / patch) ** 2,
      projector: [
        { inputs: hiddenSize * merged, outputs: hiddenSize * merged },
        { inputs: hiddenSize * merged, outputs: sizeOf(vision, 'out_hidden_size', decoderHidden) },
      ],
    },
    imageTokens,
    imageAssumption: `one picture of ${squareEdge} x ${squareEdge} pixels`,
  };
}
