export {
  type Architecture,
  type BuildOptions,
  buildDecoder,
  type WeightFile,
} from './builder/decoder.js';
export {
  checkpointWeights,
  namedRandomWeights,
  randomWeights,
  type WeightSource,
} from './builder/weights.js';
export type {
  AttentionModule,
  AttentionReading,
  Decoder,
  DecoderLayer,
  FfnModule,
  Heads,
  LayerCacheNames,
  Mixer,
  Module,
  StateModule,
  StateNames,
} from './decoder/decoder.js';
export { fitPlan, layersAfterPrunes } from './decoder/depths.js';
export type { FeatureRead } from './decoder/features.js';
export { readDecoder } from './decoder/read.js';
export { onnxAlgebra } from './graph/algebra.js';
export { createEmitter, type Emitter } from './graph/emitter.js';
export { printGraph, printNode } from './graph/print.js';
export type { Provenance, ProvenanceOf, Role } from './graph/provenance.js';
export { allNodes } from './graph/subgraphs.js';
export type { DerivedReport } from './inspect/derived.js';
export {
  type DecoderReport,
  type DecoderSizes,
  type Inspection,
  type InspectOptions,
  inspectModel,
} from './inspect/inspect.js';
export type { LayerGroup, LayerReport } from './inspect/layers.js';
export type { RefusalReport } from './inspect/partial.js';
export type { Gathered, StageReport } from './inspect/stages.js';
export type { Structure, ValueReport } from './inspect/structure.js';
export { decodeModel, encodeModel, encodePieces, type OnnxModel } from './model/codec.js';
export {
  externalExtents,
  externalLocations,
  relocateExternalData,
  withWeightsIn,
} from './model/external-data.js';
export { readPlan } from './model/metadata.js';
export { type ExactAnglesReport, exactAngles } from './passes/exact-angles.js';
export { type EncoderMeasures, measureEncoder } from './passes/measure-encoder.js';
export { TensorProto_DataType } from './proto/onnx_pb.js';
export { type CacheMode, cacheModes, cacheModesOf } from './prune/cache-modes.js';
export {
  type PrunedModel,
  type PruneOptions,
  type PruneReport,
  pruneModel,
} from './prune/prune.js';
export type { InstructionAttentionTaps, StageTaps } from './prune/score/taps.js';
