export type { TensorAlgebra } from './algebra/algebra.js';
export { arrayAlgebra } from './algebra/arrays.js';
export { elementCount, type NDArray, ndarray } from './algebra/ndarray.js';
export { type DecoderConfig, decoderConfig } from './decoder/config.js';
export type { LayerCache } from './decoder/layer.js';
export {
  type ReferenceInput,
  type ReferenceResult,
  runReference,
  type StageTrace,
} from './decoder/reference.js';
export { rotaryAngles } from './decoder/rotary.js';
export { type Checkpoint, readSafetensors } from './decoder/safetensors.js';
export { type ErrorCode, type ErrorData, TransPruneError } from './errors.js';
export { float16Array, float16Bits, float16Value } from './float16.js';
export {
  type Asking,
  defineMethod,
  type Method,
  type MethodChoice,
  type MethodName,
  methodByName,
  methodNameOf,
  methodNames,
  methodOf,
  normalizeOverImage,
  readsNextLayer,
  readsTransition,
  type SignalName,
  signalNames,
  signalsFor,
  transprune,
  transpruneWith,
  type WeightedName,
} from './methods/index.js';
export { type FittedPlan, fitToAttentionLayers, fitToLayers, type MovedPrune } from './plan/fit.js';
export { checkKeepRatios } from './plan/keep-ratios.js';
export {
  type AccumulationMode,
  accumulationModes,
  carriesTransition,
  checkTransitionFields,
  createPlan,
  newlyAccumulatedLayers,
  type PositionMode,
  type PrunePlan,
  positionModes,
  type SettledPlan,
  type Stage,
  settlePlan,
  type TransitionFields,
  validatePlan,
  validateSchedule,
  withMethod,
} from './plan/plan.js';
export {
  type PresetName,
  type PresetPlan,
  presetNames,
  presetPlan,
  scaledLayers,
} from './plan/presets.js';
export {
  type ImageQuota,
  imageQuotas,
  indicesAmong,
  keptImageTokens,
  leastPlan,
  type ScoredTokens,
  scoreLimit,
  selectTokens,
  shareOf,
  stageQuotas,
  wholeShare,
} from './plan/selection.js';
export {
  type KeptTokens,
  keptTokens,
  numberImages,
  tokensPerImage,
} from './plan/spans.js';
export {
  afterLayerOf,
  type CacheKind,
  type CachePort,
  cachePort,
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  keptOutput,
  lengthAfter,
  lengthOutput,
  maskOutput,
  pastCache,
  pastLengthInput,
  pastMaskInput,
  ports,
  presentCache,
  scoreOutput,
} from './ports.js';
export {
  type EncoderSignalName,
  type Reduction,
  type ReductionMethod,
  type ReductionName,
  reducedTokens,
  reduceTokens,
  reductionMethod,
  reductionNames,
} from './reductions/index.js';
export { askingRows, type LeftTokens, seesKey } from './signals/asking.js';
export {
  type AttentionShape,
  attentionLogits,
  blockedLogit,
  type InstructionAttentionInput,
  instructionAttention,
  mixValues,
  type RotaryTable,
  rotate,
  softCapped,
  splitHeads,
} from './signals/instruction-attention.js';
export { keyNorm } from './signals/key-norm.js';
export { uniformNoise } from './signals/noise.js';
export { spreadOrder, spreadOverImage, spreadSteps } from './signals/spread.js';
export {
  type Direction,
  directions,
  layerTransition,
  type ModulePass,
  type TransitionForm,
  type TransitionParts,
  tokenTransition,
  transitionParts,
} from './signals/transition.js';
export { attentionUpdate, layerVariation } from './signals/update.js';
export { counted, didYouMean } from './words.js';
