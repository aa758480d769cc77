export { type ExternalFile, requireExternalData } from './external-data.js';
export {
  type DownloadedModel,
  type DownloadOptions,
  downloadModel,
} from './hub/download-model.js';
export { defaultCacheFolder } from './hub/environment.js';
export type { ChosenFormats } from './hub/formats.js';
export type { TransferPolicy } from './hub/policy.js';
export type { DownloadProgress } from './hub/progress.js';
export type { RetryNotice } from './hub/retry.js';
export { keepModel } from './keep-model.js';
export { readModelFile } from './model-file.js';
export { type FolderOptions, modelFolder } from './model-folder.js';
export { openModel } from './open.js';
export { type ModelPlace, namedPlace, placeOf } from './place.js';
export type { DataPlacement } from './placement.js';
export { isSystemError, reasonOf } from './system-errors.js';
export {
  checkFolder,
  checkTarget,
  type IfExists,
  type Target,
  type TargetOptions,
  writeFailure,
} from './target.js';
export { type TemporaryFolders, temporaryModel, withTemporaryFolders } from './temporary.js';
export { type WriteOptions, writeModelFile } from './write-model.js';
