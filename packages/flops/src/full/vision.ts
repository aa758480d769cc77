/** Multiply-adds of the vision encoder: matrix products only, as for the decoder. */
import type { VisionEncoder } from '../model/model.js';

export interface VisionCost {
  /** Patch embedding and transformer. */
  readonly encoder: number;
  /** From the encoder's features to the decoder's embeddings. */
  readonly projector: number;
}

/** How many tiles hold that many image tokens; a picture that is not cut counts as one. */
export function tileCount({ layout }: VisionEncoder, imageTokens: number): number {
  if (imageTokens === 0) return 0;
  return layout.kind === 'tiles' ? Math.ceil(imageTokens / layout.tokens) : 1;
}

/**
 * The cost of the pictures after `imageTokens` image tokens. Windows are taken as full; at the edge
 * of a picture that is no multiple of the window they are smaller, and the true cost with them.
 *
 * @param tiles tiles encoded, or pictures if they are not cut
 */
export function visionCost(vision: VisionEncoder, imageTokens: number, tiles: number): VisionCost {
  if (tiles === 0) return { encoder: 0, projector: 0 };
  const { layout, hiddenSize, intermediateSize } = vision;
  const patches =
    layout.kind === 'tiles' ? layout.patches : (imageTokens * layout.patchesPerToken) / tiles;
  const projected = layout.kind === 'tiles' ? tiles * layout.tokens : imageTokens;

  const tokens = patches + vision.extraTokens;
  const mlpMatrices = vision.gatedMlp ? 3 : 2;
  const perToken = 4 * hiddenSize ** 2 + mlpMatrices * hiddenSize * intermediateSize;
  const seen = Math.min(tokens, vision.windowPatches ?? tokens);
  const windowed = vision.layers - vision.fullAttentionLayers;
  const attention =
    2 * hiddenSize * tokens * (vision.fullAttentionLayers * tokens + windowed * seen);
  const embedding = patches * vision.patchInputs * hiddenSize;
  const perImageToken = vision.projector.reduce((sum, m) => sum + m.inputs * m.outputs, 0);
  return {
    encoder: tiles * (embedding + vision.layers * tokens * perToken + attention),
    projector: projected * perImageToken,
  };
}
