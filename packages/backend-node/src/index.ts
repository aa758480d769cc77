export {
  createNodeBackend,
  type NodeBackend,
  type NodeBackendOptions,
  nodeBackend,
} from './backend.js';
export { type NodeDevice, nodeDevices } from './devices.js';
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
export type { SessionOptions } from './open.js';
export { type DeviceProbe, probeDevices, type Versions, versions } from './probe.js';
export { type ProfiledRun, profiledRuns, readProfile } from './profile.js';
