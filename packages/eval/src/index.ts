export type {
  Benchmark,
  GroupScore,
  OpenBenchmark,
  Picture,
  Problem,
  Question,
  Score,
} from './benchmark.js';
export { pointMetrics } from './benchmark.js';
export { benchmarks } from './benchmarks/index.js';
export { type Judging, judging } from './benchmarks/judge.js';
export { type PixelData, type Shown, seeingLess, shownPixels } from './pictures/shown.js';
export { Folder } from './reading/folder.js';
export type { Answer, Answerer } from './run/answerer.js';
export {
  type AnswerLine,
  answeredBefore,
  type FiledAnswer,
  readAnswerLines,
  readAnswers,
} from './run/answers-file.js';
export { type RunOptions, type RunProgress, type RunResult, runBenchmark } from './run/evaluate.js';
export { type OpenAiOptions, openAiAnswerer } from './run/openai-answerer.js';
export { parseShard, type Shard } from './run/shard.js';
export {
  type Entrant,
  runInTurns,
  type TurnsOptions,
  type TurnsProgress,
  type TurnsResult,
} from './run/turns.js';
export { pointsByQuestion } from './scoring/points.js';
export {
  average,
  differenceOfPoints,
  type Estimate,
  meanOfPoints,
  medianOf,
  share,
} from './statistics/estimate.js';
export { randomSource } from './statistics/random.js';
