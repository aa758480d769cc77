export type {
  Backend,
  ElementType,
  HostTensor,
  ModelSource,
  Session,
  SessionTensor,
  TensorData,
  Unavailable,
  ValueInfo,
} from './backend.js';
export { elementsOf, isElementType, tensorBytes } from './elements.js';
export { type OnnxRuntimeRequest, openOnnxRuntime } from './onnxruntime-session.js';
export { openByDevice, openSession } from './open.js';
export { decoderFault } from './trial.js';
export type { VerifyCheck, VerifyReport } from './verify/report.js';
export type { Precision, Tolerances } from './verify/tolerance.js';
export { type VerifyRequest, verifyPruned } from './verify/verify.js';
export type { Chat, ChatOptions, ChatTurn } from './vlm/chat.js';
export type { GeneratedToken } from './vlm/collector.js';
export {
  type FormatChoice,
  type GraphName,
  graphNames,
  graphPath,
  type NumberFormat,
  numberFormats,
  type VlmFiles,
} from './vlm/files.js';
export type {
  FinishReason,
  GenerateOptions,
  GenerateRequest,
  GenerateResult,
} from './vlm/generate.js';
export { type ImageSource, loadImage, type Pixels } from './vlm/images.js';
export type { DecoderSource } from './vlm/keep-ratios.js';
export { loadVlm, type Vlm, type VlmOptions } from './vlm/load.js';
export type { Ask, ChatMessage, ChatPart } from './vlm/prompt.js';
export {
  checkLocation,
  fetchFile,
  type RemoteOptions,
  remoteModel,
  remoteUrl,
} from './vlm/remote.js';
export type { CacheReport, PrunedStage, Timings } from './vlm/result.js';
