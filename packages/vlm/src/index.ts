export { createEngine, type EngineOptions, type LocalEngine } from './create.js';
export { collect, type GenerateResult, type PrunedStage } from './engine/collect.js';
export type { Chat, Engine } from './engine/engine.js';
export type {
  CacheReport,
  CacheSize,
  EngineEvent,
  FinishEvent,
  FinishReason,
  OutputsEvent,
  PromptFacts,
  StageEvent,
  Timings,
  TokenEvent,
  Usage,
} from './engine/events.js';
export type { DecoderSource } from './engine/keep-ratios.js';
export type {
  AnswerOptions,
  Ask,
  ChatOptions,
  ChatTurn,
  EngineRequest,
  Sampling,
} from './engine/request.js';
export type { ChatMessage, ChatPart, ImageSource, Pixels } from './frontend.js';
export { type OpenEngineOptions, openEngine } from './open.js';
export { loadImage } from './transformers/images.js';
export { connectEngine } from './worker/connect.js';
export type { EnginePort } from './worker/port.js';
export { serveEngine } from './worker/serve.js';
