import { decoderConfig } from '@transprune/core';
import { presetConfig } from '@transprune/flops';
import { expect, test } from 'vitest';
import { type BenchReport, showBench } from './bench.js';

const summary = { median: 100, min: 90, max: 110, values: [90, 110] };
const nodes = { prefill: { nodes: 1, byProvider: {} }, step: { nodes: 1, byProvider: {} } };

/** What is said of a speedup and its range. */
function said(speedup: number, speedupRange: [number, number], runs = 48): string {
  const report: BenchReport = {
    ...{ model: 'm', synthetic: true, precision: 'fp32', preset: 'transprune-high' },
    ...{
      schedule: 's',
      sizes: decoderConfig(presetConfig('smollm2-135m')),
      imageTokens: 9,
      textTokens: 9,
    },
    ...{ stages: [], device: 'cpu', threads: 1, runs, warmups: 2, flopsBoundSpeedup: 2 },
    ...{ baselineMs: 100, oracleMs: 100, prunedMs: 100, speedup, speedupRange },
    ...{ scoringOverhead: 0, scoringOverheadRange: [0, 0] },
    decode: { stepsPerRun: 1, baselineMs: 1, prunedMs: 1, ratio: 1, ratioRange: [1, 1] },
    prefillTimes: { baseline: summary, oracle: summary, pruned: summary },
    decodeTimes: { baseline: summary, pruned: summary },
    ...{ nodes: { baseline: nodes, pruned: nodes }, peakBytes: { baseline: 1, pruned: 1 } },
  };
  return JSON.stringify(showBench(report));
}

test('the speedup and the share of what counts allow have their range', () => {
  const text = said(1.5, [1.45, 1.6]);
  expect(text).toContain('1.50x (95 %: 1.45x to 1.60x)');
  expect(text).toContain('75.0 % of that is reached (95 %: 72.5 % to 80.0 %).');
  expect(text).not.toMatch(/The rounds|fewer than/);
});

test.each([
  [1.06, [0.9, 1.2], /do not tell whether the pruned prefill is faster: the range includes 1;/],
  [2, [1.5, 2.1], /The rounds vary: the speedup is known to no better than 20 %;/],
  [2, [1.9, 2.5], /The rounds vary/],
] as const)(
  'a speedup of %d within %j is one that the rounds hardly tell',
  (speedup, [low, high], words) => {
    expect(said(speedup, [low, high])).toMatch(words);
  },
);

test('of too few rounds a range of 95 % is none', () => {
  expect(said(2, [1.9, 2.1], 5)).toMatch(/Of fewer than 6 rounds ranges go from the least/);
  expect(said(2, [1.9, 2.1], 6)).not.toMatch(/fewer than/);
});
