export { type BenchDocument, parseBench, type RunCount } from './document.js';
export { keptIndices } from './kept.js';
export { type Measurements, type MeasureOptions, measure } from './measure.js';
export { type PromptSizes, promptCall, promptFeeds, tokenCall } from './prompt.js';
export { byRound, median, medianRange, type Summary, summary } from './statistics.js';
export {
  cacheElementBytes,
  type Precision,
  precisionNames,
  type SyntheticName,
  type SyntheticOptions,
  syntheticDecoder,
  syntheticNames,
} from './synthetic.js';
export { type BenchTimes, benchTimes } from './times.js';
