/**
 * What packages of others build attention families, mixers and graph passes from. `docs/extending.md` shows both; reading,
 * pruning and encoding are in the package's front door, ONNX's messages in `@transprune/onnx/proto`.
 */
export { create } from '@bufbuild/protobuf';
export type {
  AttentionFamily,
  AttentionSite,
  BorrowSite,
  LogitsSite,
  PaddingSite,
} from './decoder/attention/family.js';
export { cacheSizes, headSize, queryHeads } from './decoder/attention/heads.js';
export { registerAttentionFamily } from './decoder/attention/index.js';
export { emitLogitsBeside, type Preparation } from './decoder/attention/logits.js';
export { type Path, pathTo } from './decoder/attention/path.js';
export type { ClassifiedGraph } from './decoder/classified-graph.js';
export type { AngleRead, DecoderInputs, FusedRotary } from './decoder/decoder.js';
export type { Kind } from './decoder/kinds.js';
export type {
  MixerFamily,
  MixerReading,
  MixerSite,
  StatePaddingSite,
} from './decoder/mixers/family.js';
export { registerMixerFamily } from './decoder/mixers/index.js';
export {
  checkState,
  checkWeights,
  type StatefulNode,
  tokensAlong,
} from './decoder/mixers/state.js';
export { type Refusal, refuse } from './decoder/refuse.js';
export type { AxisRule, AxisSite, Held, Made, Tokens } from './decoder/token-types.js';
export { onnxAlgebra } from './graph/algebra.js';
export {
  type AttributeValue,
  createEmitter,
  type EmitOptions,
  type Emitter,
} from './graph/emitter.js';
export {
  constantIntegers,
  constantTensor,
  elementType,
  floatAttribute,
  type GraphIndex,
  indexGraph,
  inputAt,
  integerAttribute,
  namesIn,
  outputAt,
  type Use,
  valueShape,
} from './graph/graph.js';
export { emitRange, emitSizes, toTheEnd } from './graph/sizes.js';
export { sortNodes } from './graph/sort.js';
export { allGraphs, type GraphChange, graphsIn, mapGraphs, readsOf } from './graph/subgraphs.js';
export { tensorInfo } from './graph/value-info.js';
export { standardOpset } from './model/codec.js';
