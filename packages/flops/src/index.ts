export { costAlgebra, type OperationCount, type Shape } from './algebra/cost.js';
export {
  type Budget,
  type BudgetedPlan,
  type BudgetOptions,
  leastFittedRatio,
  planForBudget,
  planWithinBudget,
} from './budget/budget.js';
export { attentionSquareShare, type DecoderCost } from './full/decoder.js';
export {
  type FullCost,
  type FullCostOptions,
  fullCost,
  type PrefillCost,
  type RunCost,
} from './full/full.js';
export type { ScoringCost } from './full/scoring.js';
export type { VisionCost } from './full/vision.js';
export type { Attention } from './layers/attention.js';
export type { Convolution } from './layers/convolution.js';
export type { DeltaRule } from './layers/delta-rule.js';
export type { Experts } from './layers/experts.js';
export type { Ffn, Mixer } from './layers/index.js';
export type { LatentAttention } from './layers/latent-attention.js';
export type { Mlp } from './layers/mlp.js';
export { modelFromConfig } from './model/config.js';
export {
  attentionLayers,
  type DecoderDescription,
  type LayerDescription,
  llamaDecoder,
} from './model/decoder.js';
export type { LinearSize, Model, PictureLayout, VisionEncoder } from './model/model.js';
export { type ModelName, modelNames, modelPreset, presetConfig } from './model/presets.js';
export { textModelTypes } from './model/text/index.js';
export { type PublishedFigure, publishedFigures, publishedShifts } from './published/figures.js';
export { type PublishedSizes, publishedCost } from './published/published.js';
export { type Schedule, tokensPerLayer } from './tokens.js';
