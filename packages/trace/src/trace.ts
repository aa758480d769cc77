/**
 * A trace: what one question about one picture did to its image tokens. Plain data, which the page shows,
 * keeps as a file and reads again.
 */
import type { PrunePlan } from '@transprune/core';

export interface Trace {
  readonly format: 'transprune-trace';
  readonly version: 1;
  readonly model: string;
  readonly device: string;
  readonly question: string;
  readonly picture: TracePicture;
  /** Image tokens lie row by row. */
  readonly grid: Grid;
  /** With the keep ratios that ran. */
  readonly plan: PrunePlan;
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly unpruned?: Answer;
  readonly pruned: Answer;
  readonly stages: readonly TraceStage[];
  /** Of the unpruned model; empty until they were looked at. */
  readonly layers: readonly LayerMaps[];
}

export interface Grid {
  readonly columns: number;
  readonly rows: number;
}

export interface TracePicture {
  readonly name: string;
  /** As the model reads it. */
  readonly width: number;
  readonly height: number;
  /** A `data:` URL. */
  readonly url: string;
}

/** One prune. Image tokens are counted from 0. */
export interface TraceStage {
  /** From 1. */
  readonly afterLayer: number;
  readonly keepRatio: number;
  /** Image tokens before it, ascending. */
  readonly candidates: readonly number[];
  /** Those after it, ascending. */
  readonly kept: readonly number[];
  /** What each candidate was ranked by. */
  readonly scores: readonly number[];
  /** What each candidate's score is the sum of; undefined where the method has no parts. */
  readonly parts: ScoreParts | undefined;
}

/** Shares of each candidate, each part with sum 1 over all candidates. */
export interface ScoreParts {
  /** How much the layers so far changed the token. */
  readonly transition: readonly number[];
  /** Attention that the token gets from the instruction. */
  readonly instruction: readonly number[];
}

/** What a decoder answered, and what it took. Milliseconds, bytes and multiply-adds. */
export interface Answer {
  readonly text: string;
  readonly finishReason: string;
  readonly tokens: number;
  /** Side of the picture that it read, in pixels. */
  readonly pictureSize: number;
  readonly firstTokenMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** From the first token to the second; 0 if there was one. */
  readonly firstStepMs: number;
  readonly tokensPerSecond: number;
  /** Image tokens that each layer sees, layer 1 first. */
  readonly imageTokensPerLayer: readonly number[];
  readonly kvCacheBytes: number;
  /** Of the prefill, everything counted. */
  readonly multiplyAdds: number;
}

/** What a layer does to each image token. */
export interface LayerMaps {
  /** From 1. */
  readonly layer: number;
  readonly attention: ModuleMaps;
  readonly ffn: ModuleMaps;
}

export interface ModuleMaps {
  /** Length of what the module writes over the length of what it reads. */
  readonly magnitude: readonly number[];
  /** 1 - cosine between what it reads and writes: 0 along, 1 across, 2 against. */
  readonly direction: readonly number[];
}
