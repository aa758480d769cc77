import { type ModelDescriptor, openRemoteModel } from '../descriptor.js';
import type { VlmFiles } from '../files.js';
import { type DownloadOptions, downloadModel } from './hub/download-model.js';
import { modelFolder } from './model-folder.js';

/**
 * Opens any model: one on the hub is fetched once and kept, one on another server is read into memory.
 *
 * @param options what goes with a download
 * @throws TransPruneError NOT_FOUND for a folder or file that is not there, INVALID_ARGUMENT for something
 *   that is no id
 */
export async function openModel(
  model: ModelDescriptor,
  options: Omit<DownloadOptions, 'revision' | 'format'> = {},
): Promise<VlmFiles> {
  const format = model.format === undefined ? {} : { format: model.format };
  if ('folder' in model) return modelFolder(model.folder, format);
  if ('url' in model) return openRemoteModel(model);
  const { hub, revision } = model;
  return downloadModel(hub, { ...options, ...format, ...(revision !== undefined && { revision }) });
}
