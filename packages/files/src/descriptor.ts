/** Models by descriptions that a worker, a configuration file or an address can carry. */
import { type PrunePlan, TransPruneError } from '@transprune/core';
import type { PruneOptions } from '@transprune/onnx';
import type { FormatChoice, VlmFiles } from './files.js';
import { remoteFolder, remoteModel } from './remote.js';

/**
 * Where a model is. Plain data.
 * - `hub`: an id on the Hugging Face hub such as `owner/name`, at a branch, tag or commit
 * - `folder`: a folder on this machine, laid out as on the hub
 * - `url`: the address of such a folder on a server
 */
export type ModelDescriptor =
  | { readonly hub: string; readonly revision?: string; readonly format?: FormatChoice }
  | { readonly folder: string; readonly format?: FormatChoice }
  | { readonly url: string; readonly format?: FormatChoice };

/** How a model's decoder is pruned before it is opened. Plain data. */
export interface Pruning {
  /** Without stages nothing is pruned. */
  readonly plan: PrunePlan;
  /** What the graph gets besides: a trace, padding for batches, ratios to be chosen while running. */
  readonly options?: PruneOptions;
}

/** A model, and what its decoder drops. Plain data. */
export interface ModelChoice {
  readonly model: ModelDescriptor;
  readonly pruning?: Pruning | undefined;
}

/** Finds the files of a model. */
export type ModelOpener = (model: ModelDescriptor) => Promise<VlmFiles>;

/**
 * Opens models on the hub and on servers; graphs are held in memory. `@transprune/files/node` has one that
 * opens folders too, and keeps what it fetches.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a folder
 */
export async function openRemoteModel(model: ModelDescriptor): Promise<VlmFiles> {
  if ('hub' in model) {
    const { hub, ...options } = model;
    return remoteModel(hub, options);
  }
  if ('url' in model) {
    const { url, ...options } = model;
    return remoteFolder(url, options);
  }
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a model on the hub or a server, got the folder ${model.folder}; open it with openModel of @transprune/files/node`,
    { folder: model.folder },
  );
}
