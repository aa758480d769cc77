export type { Chat, ChatOptions, ChatTurn } from './chat.js';
export type { GeneratedToken } from './collector.js';
export type {
  FinishReason,
  GenerateOptions,
  GenerateRequest,
  GenerateResult,
} from './generate.js';
export { type ImageSource, loadImage, type Pixels } from './images.js';
export type { DecoderSource } from './keep-ratios.js';
export { loadVlm, type Vlm, type VlmOptions } from './load.js';
export type { Ask, ChatMessage, ChatPart } from './prompt.js';
export type { CacheReport, PrunedStage, Timings } from './result.js';
