export { checkModelId, checkRevision, type Host, hub, remoteUrl } from './address.js';
export {
  type ModelChoice,
  type ModelDescriptor,
  type ModelOpener,
  openRemoteModel,
  type Pruning,
} from './descriptor.js';
export {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type NumberFormat,
  numberFormats,
  type RewrittenGraph,
  type VlmFiles,
} from './files.js';
export {
  checkLocation,
  fetchFile,
  type RemoteOptions,
  remoteFolder,
  remoteModel,
} from './remote.js';
