import type { OnnxModel } from '@transprune/onnx';
import type { ModelSource } from './runtime.js';

/** What Node and browsers do differently. */
export interface Platform {
  /**
   * Lends the library a model that is nowhere, under an id that `from_pretrained` finds `model.onnx` by.
   *
   * @param bytes of the model
   */
  lend<Result>(bytes: Uint8Array, use: (id: string) => Promise<Result>): Promise<Result>;
  /**
   * Rewrites a model that the library is about to open; one that `change` gives back as it was stays so.
   *
   * @throws what `change` throws, and TransPruneError if the model cannot be read or the new one not be kept
   */
  rewrite(source: ModelSource, change: (model: OnnxModel) => OnnxModel): Promise<ModelSource>;
}
