import { type ModelDescriptor, openRemoteModel } from '../descriptor.js';
import type { VlmFiles } from '../files.js';
import { type DownloadOptions, downloadModel } from './hub/download-model.js';
import { folderFormats, modelFolder } from './model-folder.js';

/**
 * Opens any model: one on the hub is fetched once and kept, one on another server is read into memory.
 *
 * @param options what goes with a download; `graphs` and `onFormats` with a folder too
 * @throws TransPruneError NOT_FOUND for a folder or file that is not there, INVALID_ARGUMENT for something
 *   that is no id
 */
export async function openModel(
  model: ModelDescriptor,
  options: Omit<DownloadOptions, 'revision' | 'format'> = {},
): Promise<VlmFiles> {
  if ('url' in model) return openRemoteModel(model);
  const format = model.format === undefined ? {} : { format: model.format };
  if ('folder' in model) {
    const formats = await folderFormats(model.folder, model.format, options.graphs);
    if (formats) options.onFormats?.(formats);
    return modelFolder(model.folder, formats ? { format: formats } : format);
  }
  const { hub, revision } = model;
  return downloadModel(hub, { ...options, ...format, ...(revision !== undefined && { revision }) });
}
