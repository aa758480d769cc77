/** What the measurements of a decoder, of the oracle and of the pruned decoder come to. */
import type { Measurements } from './measure.js';
import { byRound, median, medianRange, type Summary, summary } from './statistics.js';

/** Milliseconds, medians unless they say otherwise. */
export interface BenchTimes {
  readonly baselineMs: number;
  /** Drops the same tokens by constant indices, and scores nothing. */
  readonly oracleMs: number;
  readonly prunedMs: number;
  /** Median of the rounds' baseline over pruned. */
  readonly speedup: number;
  /** Where that median lies, with 95 %; of fewer than 6 rounds from the least to the greatest, with less. */
  readonly speedupRange: readonly [number, number];
  /** Median of the rounds' (pruned - oracle) / baseline. */
  readonly scoringOverhead: number;
  /** Where that median lies, with 95 %. */
  readonly scoringOverheadRange: readonly [number, number];
  /** Per token. */
  readonly decode: {
    readonly stepsPerRun: number;
    readonly baselineMs: number;
    readonly prunedMs: number;
    /** Median of the steps' pruned over baseline: below 1 is faster. */
    readonly ratio: number;
    /** Where that median lies, with 95 %. */
    readonly ratioRange: readonly [number, number];
  };
  readonly prefillTimes: Readonly<Record<'baseline' | 'oracle' | 'pruned', Summary>>;
  readonly decodeTimes: Readonly<Record<'baseline' | 'pruned', Summary>>;
}

export function benchTimes(
  { prefill, decode }: Measurements<'baseline' | 'oracle' | 'pruned'>,
  stepsPerRun: number,
): BenchTimes {
  const { baseline, oracle, pruned } = prefill;
  const [before = [], after = []] = [decode.baseline, decode.pruned];
  const scoring = byRound((b = 0, o = 0, p = 0) => (p - o) / b, baseline, oracle, pruned);
  const speedups = speedupsOf(baseline, pruned);
  const ratios = byRound((b = 0, p = 0) => p / b, before, after);
  return {
    baselineMs: median(baseline),
    oracleMs: median(oracle),
    prunedMs: median(pruned),
    speedup: median(speedups),
    speedupRange: medianRange(speedups),
    scoringOverhead: median(scoring),
    scoringOverheadRange: medianRange(scoring),
    decode: {
      stepsPerRun,
      baselineMs: median(before),
      prunedMs: median(after),
      ratio: median(ratios),
      ratioRange: medianRange(ratios),
    },
    prefillTimes: {
      baseline: summary(baseline),
      oracle: summary(oracle),
      pruned: summary(pruned),
    },
    decodeTimes: { baseline: summary(before), pruned: summary(after) },
  };
}

/** Of each round. */
export const speedupsOf = (baseline: readonly number[], pruned: readonly number[]): number[] =>
  byRound((b = 0, p = 0) => b / p, baseline, pruned);
