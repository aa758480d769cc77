export { costAlgebra, inMultiplyAdds, type OperationCount, type Shape } from './algebra/cost.js';
export { attentionSquareShare, type DecoderCost } from './full/decoder.js';
export {
  type FullCost,
  type FullCostOptions,
  fullCost,
  type PrefillCost,
  type RunCost,
} from './full/full.js';
export { type ScoringCost, scoringCost, type TokenCounts } from './full/scoring.js';
export { type VisionCost, visionCost } from './full/vision.js';
export { modelFromConfig } from './model/config.js';
export type { LinearSize, Model, PictureLayout, VisionEncoder } from './model/model.js';
export { type ModelName, modelNames, modelPreset } from './model/presets.js';
export { type PublishedFigure, publishedFigures, publishedShifts } from './published/figures.js';
export { type PublishedSizes, publishedCost } from './published/published.js';
export { type Schedule, tokensPerLayer } from './tokens.js';
