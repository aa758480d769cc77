export { checkModelId, type Host, hub } from './address.js';
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
  type NumberFormat,
  numberFormats,
  type RewrittenGraph,
  type VlmFiles,
} from './files.js';
export {
  type RemoteOptions,
  remoteFolder,
  remoteModel,
} from './remote.js';
