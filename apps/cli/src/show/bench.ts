import type { Summary } from '@transprune/bench';
import { counted, type DecoderConfig } from '@transprune/core';
import type { BenchResult } from '../bench/bench.js';
import type { StageReport } from './costs.js';
import { type Block, table } from './table.js';
import { bytes, change, milliseconds, percent, times } from './units.js';

/** The benchmark's document: what was measured, and on what. */
export interface BenchReport extends BenchResult {
  readonly model: string;
  readonly synthetic: boolean;
  /** Of a synthetic decoder's weights. */
  readonly precision: string | null;
  readonly preset: string | null;
  readonly schedule: string;
  readonly sizes: DecoderConfig;
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly stages: readonly StageReport[];
  readonly threads: number;
  readonly runs: number;
  readonly warmups: number;
  /**
   * Counted multiply-adds of the unpruned prefill over those of the pruned one, without scoring; null where the
   * graph has layers that are no plain attention of one size.
   */
  readonly flopsBoundSpeedup: number | null;
}

/** On a GPU each node is a launch. */
function nodesLine({ nodes: { baseline, pruned } }: BenchReport): string {
  const both = (part: 'prefill' | 'step') => `${baseline[part].nodes} -> ${pruned[part].nodes}`;
  return `Nodes executed, unpruned -> pruned: ${both('prefill')} in a prefill, ${both('step')} in a decode step.`;
}

function boundLine({ flopsBoundSpeedup: bound, speedup, speedupRange }: BenchReport): string {
  return bound === null
    ? 'Multiply-adds are not counted: not every layer is plain attention of one size.'
    : `Counted multiply-adds would allow ${times(bound)}: ${percent(speedup / bound)} of that is reached (95 %: ${speedupRange.map((end) => percent(end / bound)).join(' to ')}).`;
}

/** Rounds below which a range spans all of them, and holds the median less often than in 95 of 100 cases. */
const fewestForRange = 6;

/** From this share of the speedup on, its range tells little. */
const wide = 0.2;

/** What speaks against relying on the speedup. */
function noiseLines({ runs, speedup, speedupRange: [low, high] }: BenchReport): string[] {
  const more = 'more --runs, or less other load on the machine, would tell more';
  const noise =
    low <= 1 && high >= 1
      ? [
          `The rounds do not tell whether the pruned prefill is faster: the range includes 1; ${more}.`,
        ]
      : Math.max(high - speedup, speedup - low) > wide * speedup
        ? [`The rounds vary: the speedup is known to no better than 20 %; ${more}.`]
        : [];
  if (runs >= fewestForRange) return noise;
  return [
    `Of fewer than ${fewestForRange} rounds ranges go from the least to the greatest, and hold the median with less than 95 %.`,
    ...noise,
  ];
}

function memoryLine({ peakBytes: { baseline, pruned } }: BenchReport): string {
  const values = `${bytes(baseline)} unpruned, ${bytes(pruned)} pruned`;
  return `Peak memory of a prefill, weights included: ${values}, ${change(baseline, pruned)}.`;
}

export function showBench(report: BenchReport): Block[] {
  const { prefillTimes, decodeTimes, decode } = report;
  const row = (name: string, { median, min, max }: Summary, note: string) => [
    name,
    milliseconds(median),
    milliseconds(min),
    milliseconds(max),
    note,
  ];
  const kept = report.stages.map(({ imageTokens }) => imageTokens).join(', ');
  return [
    `${report.model}: ${counted(report.sizes.layers, 'layer')}, ${counted(report.imageTokens, 'image token')} (${report.preset ?? report.schedule}: then ${kept || 'all'}), ${counted(report.textTokens, 'text token')}`,
    `${report.device}, ${counted(report.threads, 'thread')}; ${counted(report.runs, 'interleaved round')} after ${report.warmups} of warm-up`,
    table(
      ['', 'median', 'min', 'max', 'against unpruned'],
      [
        row('prefill, unpruned', prefillTimes.baseline, ''),
        row(
          'prefill, oracle',
          prefillTimes.oracle,
          times(prefillTimes.baseline.median / prefillTimes.oracle.median),
        ),
        row(
          'prefill, pruned',
          prefillTimes.pruned,
          `${times(report.speedup)} (95 %: ${report.speedupRange.map(times).join(' to ')})`,
        ),
        row('decode step, unpruned', decodeTimes.baseline, ''),
        row('decode step, pruned', decodeTimes.pruned, times(1 / decode.ratio)),
      ],
    ),
    boundLine(report),
    ...noiseLines(report),
    `Scoring takes ${percent(report.scoringOverhead)} of the unpruned prefill (95 %: ${report.scoringOverheadRange.map(percent).join(' to ')}).`,
    `A pruned decode step takes ${percent(decode.ratio)} of an unpruned one (95 %: ${decode.ratioRange.map(percent).join(' to ')}).`,
    nodesLine(report),
    memoryLine(report),
  ];
}
