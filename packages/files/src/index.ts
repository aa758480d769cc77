export { checkModelId, checkRevision, type Host, hub, remoteUrl } from './address.js';
export {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type NumberFormat,
  numberFormats,
  type VlmFiles,
} from './files.js';
export { checkLocation, fetchFile, type RemoteOptions, remoteModel } from './remote.js';
