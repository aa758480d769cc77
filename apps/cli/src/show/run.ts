import type { GenerateResult } from '@transprune/vlm';
import type { AnswerReport } from '../run/answer.js';
import { type Grid, table } from './table.js';
import { bytes, change, milliseconds, runs, scaled } from './units.js';
import { wrap } from './wrap.js';

/** Widest answer in a column; longer ones are wrapped. */
const answerWidth = 40;

/** Tokens of an answer below which their rate is noise, and not shown. */
const fewestForRate = 8;

const perSecond = (value: number) => value.toFixed(1);

/** Both answers side by side. */
export function showComparison(unpruned: AnswerReport, pruned: AnswerReport): Grid {
  const sides = [unpruned, pruned] as const;
  const row = (
    name: string,
    value: (side: AnswerReport) => number,
    show: (value: number) => string,
  ): string[] => {
    const [before, after] = [value(unpruned), value(pruned)];
    return [name, show(before), show(after), change(before, after)];
  };
  const text = (name: string, value: (side: AnswerReport) => string) => [
    name,
    ...sides.map((side) => wrap(value(side), answerWidth).join('\n')),
    '',
  ];
  /** Of several rounds; none varies by itself. */
  const range = (of: keyof AnswerReport['spread'], show: (value: number) => string) =>
    sides.every(
      ({
        spread: {
          [of]: [least, most],
        },
      }) => least === most,
    )
      ? []
      : [
          [
            `${of === 'prefillMs' ? '    ' : '  '}min to max`,
            ...sides.map(({ spread }) => spread[of].map(show).join(' to ')),
            '',
          ],
        ];
  return table(
    ['', 'unpruned', 'pruned', 'change'],
    [
      text('answer', ({ answer }) => answer),
      text('image tokens, layers', ({ imageTokensPerLayer }) => runs(imageTokensPerLayer)),
      row('time to first token', (side) => side.timeToFirstTokenMs, milliseconds),
      ...range('timeToFirstTokenMs', milliseconds),
      row('  prefill of the decoder', (side) => side.prefillMs, milliseconds),
      ...range('prefillMs', milliseconds),
      ...(Math.min(unpruned.tokens, pruned.tokens) < fewestForRate
        ? []
        : [
            row('tokens/s', (side) => side.tokensPerSecond, perSecond),
            ...range('tokensPerSecond', perSecond),
          ]),
      row('KV cache after prefill', (side) => side.kvCacheBytes, bytes),
      row('FLOPs, as published', (side) => side.publishedFlops, scaled),
      row('FLOPs, in full', (side) => side.fullFlops, scaled),
    ],
  );
}

/** One answer's figures in a line. */
export function showFigures(report: AnswerReport): string {
  return [
    `image tokens ${runs(report.imageTokensPerLayer)}`,
    `first token after ${milliseconds(report.timeToFirstTokenMs)}`,
    ...rate(report.tokens, report.tokensPerSecond),
    `KV cache ${bytes(report.kvCacheBytes)}`,
    `FLOPs ${scaled(report.publishedFlops)} as published, ${scaled(report.fullFlops)} in full`,
  ].join('; ');
}

/** What a turn of a conversation took, in a line. */
export function showTurn({ usage, timings, tokenIds }: GenerateResult): string {
  const { imageTokens, keptImageTokens } = usage;
  const images = [imageTokens, ...keptImageTokens].join(' -> ');
  return [
    ...(imageTokens > 0 ? [`image tokens ${images}`] : []),
    `first token after ${milliseconds(timings.timeToFirstTokenMs)}`,
    ...rate(tokenIds.length, timings.decodeTokensPerSecond),
  ].join('; ');
}

const rate = (tokens: number, perSecond: number) =>
  tokens < fewestForRate ? [] : [`${perSecond.toFixed(1)} tokens/s`];

/** What the rounds do not tell: which decoder is faster, where their times overlap. */
export function noiseNotes(unpruned: AnswerReport, pruned: AnswerReport): string[] {
  const overlaps = (of: 'timeToFirstTokenMs' | 'prefillMs') => {
    const [before, after] = [unpruned.spread[of], pruned.spread[of]];
    return before[0] <= after[1] && after[0] <= before[1];
  };
  const names = [
    ...(overlaps('timeToFirstTokenMs') ? ['times to first token'] : []),
    ...(overlaps('prefillMs') ? ['prefills'] : []),
  ];
  if (names.length === 0) return [];
  return [
    `The ranges of the ${names.join(' and of the ')} overlap: these rounds hardly tell which is faster; more --runs, or less other load, would tell more.`,
  ];
}
