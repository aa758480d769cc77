import { keptOutput, scoreOutput } from '@transprune/core';
import type { RunRecord } from './record.js';

/** How long the parts of an answer took, in milliseconds. */
export interface Timings {
  /** Reading and preparing the images and the prompt. */
  readonly preprocessMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** From the call to the first token. */
  readonly timeToFirstTokenMs: number;
  /** All decode steps of the decoder together. */
  readonly decodeMs: number;
  /** Tokens behind the first one, over the time from the first to the last; 0 if there was one. */
  readonly decodeTokensPerSecond: number;
  readonly totalMs: number;
}

/** The decoder's caches behind the last step. */
export interface CacheReport {
  /** Tokens in each layer's cache. */
  readonly lengths: readonly number[];
  /** All layers, keys and values. */
  readonly bytes: number;
}

/** What one stage left behind. */
export interface PrunedStage {
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

/** Lengths and size of the caches, read from the shapes of `present.{layer}.{key,value}`. */
export function cacheReport({ caches }: Pick<RunRecord, 'caches'>): CacheReport {
  const lengths: number[] = [];
  let bytes = 0;
  for (const cache of caches) {
    bytes += cache.bytes;
    const layer = /^present\.(\d+)\.key$/.exec(cache.name)?.[1];
    if (layer !== undefined) lengths[Number(layer)] = cache.dims.at(-2) ?? 0;
  }
  return { lengths, bytes };
}

/** The trace of the prefill, stage by stage; empty if the decoder gives none out. */
export function prunedStages({ trace, images }: RunRecord): PrunedStage[] {
  const imageIndex = new Map<number, number>();
  images.forEach((image, position) => {
    if (image !== 0n) imageIndex.set(position, imageIndex.size);
  });
  const stages: PrunedStage[] = [];
  for (let stage = 0; ; stage++) {
    const positions = trace[keptOutput(stage)];
    if (!positions) return stages;
    // Batched decoders fill up shorter rows with -1.
    const kept = Array.from(positions.data, Number).filter((position) => position >= 0);
    stages.push({
      kept,
      keptImageTokens: kept.flatMap((position) => imageIndex.get(position) ?? []),
      scores: Array.from(trace[scoreOutput(stage)]?.data ?? [], Number),
    });
  }
}

/** Puts the record's times and those around it together. */
export function timings(
  record: RunRecord,
  marks: {
    readonly start: number;
    readonly prepared: number;
    readonly first: number;
    readonly end: number;
  },
  tokens: number,
): Timings {
  const behindFirst = marks.end - marks.first;
  return {
    preprocessMs: marks.prepared - marks.start,
    visionMs: record.visionMs,
    prefillMs: record.prefillMs,
    timeToFirstTokenMs: marks.first - marks.start,
    decodeMs: record.decodeMs.reduce((sum, ms) => sum + ms, 0),
    decodeTokensPerSecond: tokens > 1 && behindFirst > 0 ? ((tokens - 1) * 1000) / behindFirst : 0,
    totalMs: marks.end - marks.start,
  };
}
