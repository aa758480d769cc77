import type { LinearSize } from '../layers/kind.js';
import type { DecoderDescription } from './decoder.js';

export type { LinearSize };

/**
 * How a picture becomes patches and image tokens.
 * - `tiles`: cut into tiles of one size; the tiles do not see one another
 * - `whole`: encoded at once, whatever its size
 */
export type PictureLayout =
  | { readonly kind: 'tiles'; readonly patches: number; readonly tokens: number }
  | { readonly kind: 'whole'; readonly patchesPerToken: number };

/** Sizes of a vision transformer and of the projector after it. */
export interface VisionEncoder {
  readonly layout: PictureLayout;
  /** Tokens in every sequence beside the patches, as CLIP's class token. */
  readonly extraTokens: number;
  /** Numbers in one patch: channels, pixels and frames. */
  readonly patchInputs: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  /** Three matrices in the MLP instead of two. */
  readonly gatedMlp: boolean;
  /** Layers whose output is read; an export drops those after. */
  readonly layers: number;
  /** Layers among them whose patches see the whole sequence; the others see a window. */
  readonly fullAttentionLayers: number;
  /** Patches in a window; null where every layer sees the whole sequence. */
  readonly windowPatches: number | null;
  /** Matrices that each image token passes on its way into the decoder. */
  readonly projector: readonly LinearSize[];
}

/** A vision-language model, as far as its cost goes. Plain data, fit for JSON. */
export interface Model {
  readonly name: string;
  /** Where the sizes come from. */
  readonly source: string;
  readonly decoder: DecoderDescription;
  /** null for a language model, and for an encoder that is not understood: see `notes`. */
  readonly vision: VisionEncoder | null;
  /** Image tokens of one picture under `imageAssumption`. */
  readonly imageTokens: number;
  readonly imageAssumption: string;
  /** What is left out of this model's figures, and why. */
  readonly notes: readonly string[];
}
