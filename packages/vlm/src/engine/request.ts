/** What an engine is asked. Plain data, but for the signal. */

import type { ChatMessage, ImageSource } from '../frontend.js';

/** What is asked: a question, a conversation, or a prompt that is passed on as it is. */
export type Ask =
  | { readonly question: string }
  | { readonly messages: readonly ChatMessage[] }
  | { readonly prompt: string };

/** How a token is chosen. Left out, and at temperature 0, it is the likeliest. */
export interface Sampling {
  /** Above 0: tokens are drawn at random, the sharper the lower it is. */
  readonly temperature?: number;
  /** Only the likeliest so many are drawn from. */
  readonly topK?: number;
  /** Only the likeliest whose probabilities reach this sum are drawn from; in (0, 1]. */
  readonly topP?: number;
  /** A whole number: the same seed draws the same tokens. Another one each time if left out. */
  readonly seed?: number;
}

/** What goes with a question. */
export interface AnswerOptions {
  /** In the order of their placeholders. */
  readonly images?: readonly ImageSource[];
  /**
   * What each prune keeps of the images, one ratio each in (0, 1], for decoders that take ratios as an
   * input; those of the decoder's plan if left out. All 1: everything is kept.
   */
  readonly keepRatios?: readonly number[];
  readonly sampling?: Sampling;
  /**
   * Further outputs of the decoder that the prefill gives out, in an `outputs` event: the taps of a decoder
   * that was pruned with `taps`, for example.
   */
  readonly outputs?: readonly string[];
  /** The answer ends before the first of these texts. */
  readonly stop?: readonly string[];
  /** Longest answer in tokens; 128 if left out. */
  readonly maxNewTokens?: number;
  /** Longest prompt in tokens, those of images included; any length if left out. */
  readonly maxPromptTokens?: number;
  /** Ends the answer; a request that waits is not begun. */
  readonly signal?: AbortSignal;
}

export type EngineRequest = Ask & AnswerOptions;

/** What is asked next in a conversation; its images are new ones. */
export type ChatTurn = { readonly question: string } & AnswerOptions;

export interface ChatOptions {
  /** What the conversation begins with, for models whose template has a place for it. */
  readonly system?: string;
}

export const defaultMaxNewTokens = 128;

/** A question after placeholders for its images. */
export function userTurn(question: string, images: number): ChatMessage {
  const placeholders = Array.from({ length: images }, () => ({ type: 'image' }) as const);
  return { role: 'user', content: [...placeholders, { type: 'text', text: question }] };
}

/** What a request says, as messages; undefined for a prompt that is passed on as it is. */
export function messagesOf(ask: Ask, images: number): readonly ChatMessage[] | undefined {
  if ('prompt' in ask) return undefined;
  return 'messages' in ask ? ask.messages : [userTurn(ask.question, images)];
}
