/** What an engine answers: plain data, which crosses to and from a worker as it is. */

import type { HostTensor } from '@transprune/session';

export type EngineEvent = StageEvent | OutputsEvent | TokenEvent | FinishEvent;

/** What one prune left of the prompt; comes before the first token if the decoder gives a trace. */
export interface StageEvent {
  readonly type: 'stage';
  /** Counted from 0. */
  readonly stage: number;
  /** Positions in the prompt that survived, ascending. */
  readonly kept: readonly number[];
  /** The image tokens among them, counted among the prompt's image tokens from 0. */
  readonly keptImageTokens: readonly number[];
  /**
   * What the tokens before the stage were ranked by, 0 at text: those that the stage before kept, or
   * the whole prompt.
   */
  readonly scores: readonly number[];
}

/** The outputs of the prefill that the request named; comes before the first token. */
export interface OutputsEvent {
  readonly type: 'outputs';
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

export interface TokenEvent {
  readonly type: 'token';
  readonly id: number;
  /** The text that it completes; empty while a letter or a possible stop text is unfinished. */
  readonly text: string;
}

/** `stop`: the model or a stop text ended the answer; `length`: `maxNewTokens` did; `aborted`: the caller did. */
export type FinishReason = 'stop' | 'length' | 'aborted';

/** The last event. */
export interface FinishEvent {
  readonly type: 'finish';
  readonly reason: FinishReason;
  /** What the tokens brought, and what was held back when the answer was aborted. */
  readonly text: string;
  readonly usage: Usage;
  readonly prompt: PromptFacts;
  /** True if the images had been encoded for a request before, and their features were still there. */
  readonly visionCached: boolean;
  readonly timings: Timings;
  readonly cache: CacheReport;
}

/** Counts of tokens. */
export interface Usage {
  /** Text and image tokens. */
  readonly promptTokens: number;
  readonly textTokens: number;
  readonly imageTokens: number;
  /** Image tokens left after each prune; empty if nothing was pruned. */
  readonly keptImageTokens: readonly number[];
  /** Of the answer, with the end token if the model made one. */
  readonly completionTokens: number;
}

/** The tokens that the request ran; in a conversation those of this turn. */
export interface PromptFacts {
  readonly text: string;
  readonly textTokens: number;
  readonly imageTokens: number;
  /** Where the image tokens are, ascending. */
  readonly imagePositions: readonly number[];
  /** For each image token, which image it is of, from 1. */
  readonly imageNumbers: readonly number[];
}

/** How long the parts of an answer took, in milliseconds. */
export interface Timings {
  /** Waiting for a place, and for the engine to get to it. */
  readonly queueMs: number;
  /** Reading and preparing the images and the prompt. */
  readonly preprocessMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** From the call to the first token; 0 if there was none. */
  readonly timeToFirstTokenMs: number;
  /** All decode steps of the decoder together, those of a batch in full. */
  readonly decodeMs: number;
  /** Tokens after the first one, over the time from the first to the last; 0 if there was one. */
  readonly decodeTokensPerSecond: number;
  readonly totalMs: number;
}

/** The decoder's caches. */
export interface CacheReport {
  /** All zeros and empty if the request ended before. */
  readonly afterPrefill: CacheSize;
  /** After the last step: the last token of an answer has not gone through the decoder. */
  readonly atEnd: CacheSize;
}

/** How large caches are at a moment. */
export interface CacheSize {
  /** Tokens in each attention layer's cache, in the order of the layers. */
  readonly lengths: readonly number[];
  /** All layers. */
  readonly bytes: number;
}
