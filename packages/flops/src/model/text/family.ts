/** What a family of decoders adds to the fields of its `config.json`; the families are in files beside. */
import type { Fields } from '../fields.js';

/** Where the experts of a mixture are described. */
export interface ExpertFields {
  /** Name of the field with the width of one expert. */
  readonly width: string;
  /** Whether the layer (from 0) has experts; left out, all have. */
  readonly sparse?: (fields: Fields, layer: number) => boolean;
  /** Width of what every token passes beside its experts; left out, 0. */
  readonly sharedWidth?: (fields: Fields) => unknown;
  readonly sharedGate?: boolean;
}

/** A family by the `model_type` of its text configuration. */
export interface TextFamily {
  /** Its configuration class in `transformers`, the source of everything here. */
  readonly source: string;
  /** What that class stands in with for fields that a file leaves out. */
  readonly defaults: Fields;
  /** What the class derives from its fields, and names of fields that mean another. */
  readonly derive?: (fields: Fields) => Fields;
  /**
   * Type of a layer (from 0) where the file has no `layer_types`, in the words of `layer_types`; left
   * out, all have full attention.
   */
  readonly layerType?: (fields: Fields, layer: number) => string;
  /** Matrices of the MLP: 3 if left out, gate, up and down. */
  readonly mlpMatrices?: 2;
  readonly outputGate?: boolean;
  readonly experts?: ExpertFields;
  /** `num_kv_shared_layers` last layers borrow keys and values of the last layer of their type before. */
  readonly borrowsKeys?: boolean;
}

/** Families by `model_type`. */
export type Families = Readonly<Record<string, TextFamily>>;

const full = 'full_attention';
const sliding = 'sliding_attention';

/** Every `field`-th layer has full attention, the others a window. */
export function everyNth(fallback: number, field = 'sliding_window_pattern') {
  return ({ [field]: given }: Fields, layer: number) =>
    (layer + 1) % (typeof given === 'number' ? given : fallback) === 0 ? full : sliding;
}

/** All layers have the window if the file sets one. */
export function windowEverywhere({ sliding_window }: Fields): string {
  return typeof sliding_window === 'number' ? sliding : full;
}

/** Qwen: layers from `max_window_layers` on have a window, where `use_sliding_window` says so. */
export function qwenWindows(fields: Fields, layer: number): string {
  const { use_sliding_window, sliding_window, max_window_layers } = fields;
  const windowed = use_sliding_window === true && typeof sliding_window === 'number';
  return windowed && layer >= Number(max_window_layers ?? 0) ? sliding : full;
}
