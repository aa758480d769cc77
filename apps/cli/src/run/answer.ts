/** Answers of the unpruned and the pruned decoder, as they are compared. */
import { median } from '@transprune/bench';
import type { GenerateResult } from '@transprune/vlm';
import type { CostReport } from '../show/costs.js';

/** The least and the greatest of the rounds. */
export type Spread = readonly [number, number];

/** What one decoder did with the question. Times are medians over the rounds. */
export interface AnswerReport {
  readonly answer: string;
  readonly finishReason: string;
  readonly tokens: number;
  /** Image tokens that each layer sees, layer 1 first. */
  readonly imageTokensPerLayer: readonly number[];
  /**
   * For each prune, the image tokens after it, counted from 0 in the order of the prompt; empty if the
   * decoder doesn't tell.
   */
  readonly keptImageTokens: readonly (readonly number[])[];
  readonly timeToFirstTokenMs: number;
  readonly prefillMs: number;
  readonly tokensPerSecond: number;
  readonly spread: Readonly<Record<'timeToFirstTokenMs' | 'prefillMs' | 'tokensPerSecond', Spread>>;
  /** Keys and values of all layers after the prefill; the answer's tokens come on top. */
  readonly kvCacheBytes: number;
  /** Tokens in each layer's cache after the prefill. */
  readonly kvLengths: readonly number[];
  /** As `kvCacheBytes`, after the last token of the answer. */
  readonly kvCacheBytesAtEnd: number;
  /** Multiply-adds of the prefill, image tokens only. */
  readonly publishedFlops: number;
  /** Multiply-adds of the prefill, everything that is counted. */
  readonly fullFlops: number;
}

/**
 * @param rounds the same request, answered several times
 * @param costs of the plan that the decoder runs under
 * @param side which of the two it is
 */
export function answerReport(
  rounds: readonly GenerateResult[],
  costs: CostReport,
  side: 'baseline' | 'pruned',
): AnswerReport {
  const [first] = rounds;
  if (!first) throw new Error('expected at least one round');
  const timeToFirstTokenMs = rounds.map(({ timings }) => timings.timeToFirstTokenMs);
  const prefillMs = rounds.map(({ timings }) => timings.prefillMs);
  const tokensPerSecond = rounds.map(({ timings }) => timings.decodeTokensPerSecond);
  const spread = (values: readonly number[]): Spread => [Math.min(...values), Math.max(...values)];
  return {
    answer: first.text,
    finishReason: first.finishReason,
    tokens: first.tokenIds.length,
    imageTokensPerLayer: tokensSeen(first),
    keptImageTokens: first.stages.map(({ keptImageTokens }) => keptImageTokens),
    timeToFirstTokenMs: median(timeToFirstTokenMs),
    prefillMs: median(prefillMs),
    tokensPerSecond: median(tokensPerSecond),
    spread: {
      timeToFirstTokenMs: spread(timeToFirstTokenMs),
      prefillMs: spread(prefillMs),
      tokensPerSecond: spread(tokensPerSecond),
    },
    kvCacheBytes: first.cache.afterPrefill.bytes,
    kvLengths: first.cache.afterPrefill.lengths,
    kvCacheBytesAtEnd: first.cache.atEnd.bytes,
    publishedFlops:
      1e12 * (side === 'pruned' ? costs.published.prunedTflops : costs.published.baselineTflops),
    fullFlops: costs.full[side].prefill.total,
  };
}

/** From the caches: what the prunes really left, not what the plan says. */
function tokensSeen({ cache, prompt }: GenerateResult): number[] {
  return cache.afterPrefill.lengths.map((length) => length - prompt.textTokens);
}
