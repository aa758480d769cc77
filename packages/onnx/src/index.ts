export { onnxAlgebra } from './algebra.js';
export {
  type Architecture,
  type BuildOptions,
  buildDecoder,
  type WeightFile,
} from './build/decoder.js';
export {
  checkpointWeights,
  namedRandomWeights,
  randomWeights,
  type WeightSource,
} from './build/weights.js';
export type {
  AttentionModule,
  AttentionReading,
  Decoder,
  DecoderLayer,
  Heads,
  LayerCacheNames,
  Module,
} from './decoder/decoder.js';
export { readDecoder } from './decoder/read.js';
export { createEmitter, type Emitter } from './graph/emitter.js';
export { printGraph, printNode } from './graph/print.js';
export { type DecoderSizes, type Inspection, inspectModel } from './inspect.js';
export { decodeModel, encodeModel, encodePieces, type OnnxModel } from './model/codec.js';
export { externalLocations, relocateExternalData } from './model/external-data.js';
export {
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  keptOutput,
  maskOutput,
  pastMaskInput,
  scoreOutput,
} from './prune/interface.js';
export { readPlan } from './prune/metadata.js';
export { type PruneOptions, type PruneReport, pruneModel } from './prune/prune.js';
