export {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type NumberFormat,
  numberFormats,
  type VlmFiles,
} from './files.js';
export {
  checkLocation,
  fetchFile,
  type RemoteOptions,
  remoteModel,
  remoteUrl,
} from './remote.js';
