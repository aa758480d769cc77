export {
  type Evaluation,
  type EvaluationProblem,
  type EvaluationScore,
  type EvaluationTimes,
  type Interval,
  parseEvaluation,
  type Spread,
  type WrongAnswer,
} from './evaluation.js';
export { evaluationFigures, evaluationPage, scoresFigure } from './evaluation-report.js';
export type { Figure } from './figure.js';
export { keptPatches } from './kept-patches.js';
export { layerMaps } from './layer-maps.js';
export { type Page, type PageTable, pageHtml } from './page.js';
export { svgToPng } from './png.js';
export { scoreHistograms } from './score-histograms.js';
export { traceFigures, tracePage } from './trace-report.js';
export { type TradeOffPoint, tradeOff } from './trade-off.js';
