export { parseTrace } from './parse.js';
export { answerOf, type Followed, type Following, followAnswer } from './record/answer.js';
export type {
  TappedEngine,
  TracedEngine,
  TracedEvent,
  TracedFinish,
  TracedStage,
} from './record/engine.js';
export { explainStages } from './record/explain.js';
export { surveyLayers, surveyPlan } from './record/layers.js';
export { type PromptStages, traceStages } from './record/stages.js';
export type {
  Answer,
  Grid,
  LayerMaps,
  ModuleMaps,
  ScoreParts,
  Trace,
  TracePicture,
  TraceStage,
} from './trace.js';
