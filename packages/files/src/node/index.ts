export {
  type DownloadOptions,
  type DownloadProgress,
  defaultCacheFolder,
  downloadModel,
} from './download.js';
export { type ExternalFile, requireExternalData } from './external-data.js';
export { readModelFile } from './model-file.js';
export { type FolderOptions, modelFolder } from './model-folder.js';
export type { DataPlacement } from './placement.js';
export { checkTarget, type IfExists, type Target, type TargetOptions } from './target.js';
export { type TemporaryFolders, temporaryModel, withTemporaryFolders } from './temporary.js';
export { type WriteOptions, writeModelFile } from './write-model.js';
