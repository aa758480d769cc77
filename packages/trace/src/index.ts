export { parseTrace } from './parse.js';
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
