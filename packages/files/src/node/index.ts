export {
  type DownloadOptions,
  type DownloadProgress,
  defaultCacheFolder,
  downloadModel,
} from './download.js';
export type { DataPlacement } from './external-data.js';
export {
  missingExternalData,
  readModelFile,
  type WriteOptions,
  writeModelFile,
} from './model-file.js';
export { type FolderOptions, modelFolder } from './model-folder.js';
export { openModel } from './open.js';
export { type TemporaryFolders, temporaryModel, withTemporaryFolders } from './temporary.js';
