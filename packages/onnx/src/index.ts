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
export {
  type DecoderReport,
  type DecoderSizes,
  type Inspection,
  type InspectOptions,
  inspectModel,
} from './inspect.js';
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
export type { InstructionAttentionTaps, StageTaps } from './prune/taps.js';
export type { LayerGroup, LayerReport } from './report/layers.js';
export type { Refusal } from './report/partial.js';
export type { SideReport } from './report/sides.js';
export type { Gathered, StageReport } from './report/stages.js';
export type { Structure, ValueReport } from './report/structure.js';
