/**
 * Qwen's encoders: the picture at its own size; `spatial_merge_size^2` patches are laid side by side and
 * pass a two-layer MLP. A still picture is fed as `temporal_patch_size` equal frames.
 */
import { type Fields, numberIn, sizeOf } from '../fields.js';
import type { VisionEncoder } from '../model.js';
import { squarePicture, twoLayers, type VisionFamily, type VisionReading } from './reading.js';

/** What tells the generations apart. */
type Generation = Pick<
  VisionEncoder,
  'hiddenSize' | 'intermediateSize' | 'gatedMlp' | 'fullAttentionLayers' | 'windowPatches'
> & {
  readonly patch: number;
  readonly layers: number;
  readonly outputs: number;
  /** Mergers: the one after the last layer, and those of DeepStack. */
  readonly mergers: number;
};

function read(vision: Fields, generation: Generation): VisionReading {
  const { patch, outputs, mergers, ...sizes } = generation;
  const side = sizeOf(vision, 'spatial_merge_size', 2);
  const merged = sizes.hiddenSize * side ** 2;
  const channels = sizeOf(vision, 'in_chans', sizeOf(vision, 'in_channels', 3));
  const merger = twoLayers(merged, merged, outputs);
  return {
    encoder: {
      ...sizes,
      layout: { kind: 'whole', patchesPerToken: side ** 2 },
      extraTokens: 0,
      patchInputs: channels * sizeOf(vision, 'temporal_patch_size', 2) * patch ** 2,
      projector: Array.from({ length: mergers }, () => merger).flat(),
    },
    ...squarePicture(patch * side),
  };
}

/** All patches see one another; two matrices in the MLP. Source: Qwen2VLVisionConfig. */
export const qwen2Vl: VisionFamily = (_outer, vision, decoderHidden) => {
  const hiddenSize = sizeOf(vision, 'embed_dim', 1280);
  const layers = sizeOf(vision, 'depth', 32);
  return read(vision, {
    hiddenSize,
    intermediateSize: Math.floor(hiddenSize * (numberIn(vision, 'mlp_ratio') ?? 4)),
    gatedMlp: false,
    layers,
    fullAttentionLayers: layers,
    windowPatches: null,
    patch: sizeOf(vision, 'patch_size', 14),
    outputs: sizeOf(vision, 'hidden_size', decoderHidden),
    mergers: 1,
  });
};

/** Patches see windows except in a few layers; a gated MLP. Source: Qwen2_5_VLVisionConfig. */
export const qwen25Vl: VisionFamily = (_outer, vision, decoderHidden) => {
  const patch = sizeOf(vision, 'patch_size', 14);
  const layers = sizeOf(vision, 'depth', 32);
  const fullLayers = vision.fullatt_block_indexes ?? [7, 15, 23, 31];
  return read(vision, {
    hiddenSize: sizeOf(vision, 'hidden_size', 3584),
    intermediateSize: sizeOf(vision, 'intermediate_size', 3420),
    gatedMlp: true,
    layers,
    fullAttentionLayers: Array.isArray(fullLayers) ? fullLayers.length : layers,
    windowPatches: Math.floor(sizeOf(vision, 'window_size', 112) / patch) ** 2,
    patch,
    outputs: sizeOf(vision, 'out_hidden_size', decoderHidden),
    mergers: 1,
  });
};

/**
 * All patches see one another; two matrices in the MLP; three more mergers for DeepStack, as the class
 * has it. Source: Qwen3VLVisionConfig.
 */
export const qwen3Vl: VisionFamily = (_outer, vision, decoderHidden) =>
  readQwen3(vision, decoderHidden, vision.deepstack_visual_indexes ?? [8, 16, 24]);

/** The same encoder without DeepStack. Source: Qwen3_5VisionConfig. */
export const qwen35: VisionFamily = (_outer, vision, decoderHidden) =>
  readQwen3(vision, decoderHidden, []);

function readQwen3(vision: Fields, decoderHidden: number, deepstack: unknown): VisionReading {
  const layers = sizeOf(vision, 'depth', 27);
  return read(vision, {
    hiddenSize: sizeOf(vision, 'hidden_size', 1152),
    intermediateSize: sizeOf(vision, 'intermediate_size', 4304),
    gatedMlp: false,
    layers,
    fullAttentionLayers: layers,
    windowPatches: null,
    patch: sizeOf(vision, 'patch_size', 16),
    outputs: sizeOf(vision, 'out_hidden_size', decoderHidden),
    mergers: 1 + (Array.isArray(deepstack) ? deepstack.length : 0),
  });
}
