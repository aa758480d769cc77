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
export { type AnswerNumbers, type DecoderAnswer, readAnswer } from './decoder/answer.js';
export type { DecoderCall, PrefillCall } from './decoder/call.js';
export { DecoderSession, type DecoderSessionOptions } from './decoder/decoder-session.js';
export { type CacheSizes, type DecoderPorts, decoderPorts } from './decoder/ports.js';
export { hostTensor, numbersOf, readNumbers } from './decoder/tensors.js';
export { elementsOf, isElementType, takeAll, takeElements, tensorBytes } from './elements.js';
export { type OnnxRuntimeRequest, openOnnxRuntime } from './onnxruntime-session.js';
export { openByDevice, openSession } from './open.js';
export { decoderFault } from './trial/trial.js';
