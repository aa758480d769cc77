import type { PruningOptions } from './options.js';
import type { PrunedDecoder } from './prune.js';
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
   * Prunes a decoder that the library is about to open.
   *
   * @returns undefined for a model that is no decoder
   * @throws TransPruneError as `pruneDecoder` does, NOT_FOUND or INVALID_MODEL if the decoder cannot be read,
   *   WRITE_FAILED if the new one cannot be kept
   */
  prune(source: ModelSource, options: PruningOptions): Promise<PrunedSource | undefined>;
}

/** A pruned decoder, to be opened. */
export interface PrunedSource extends Omit<PrunedDecoder, 'model'> {
  readonly source: ModelSource;
  /** Files that the source reads its weights from, besides those that the library knows of. */
  readonly externalData?: readonly ExternalData[];
}

/** A file in memory, as sessions in browsers take it. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}
