import type { AnswerReport } from '../run/answer.js';
import { table } from './table.js';
import { bytes, change, milliseconds, runs, scaled } from './units.js';

/** Widest answer in a column; longer ones are wrapped. */
const answerWidth = 40;

/** Both answers side by side. */
export function showComparison(unpruned: AnswerReport, pruned: AnswerReport): string {
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
    ...sides.map((side) => wrapped(value(side))),
    '',
  ];
  return table(
    ['', 'unpruned', 'pruned', 'change'],
    [
      text('answer', ({ answer }) => answer),
      text('image tokens, layers', ({ imageTokensPerLayer }) => runs(imageTokensPerLayer)),
      row('time to first token', (side) => side.timeToFirstTokenMs, milliseconds),
      row('  prefill of the decoder', (side) => side.prefillMs, milliseconds),
      row(
        'tokens/s',
        (side) => side.tokensPerSecond,
        (value) => value.toFixed(1),
      ),
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
    `${report.tokensPerSecond.toFixed(1)} tokens/s`,
    `KV cache ${bytes(report.kvCacheBytes)}`,
    `FLOPs ${scaled(report.publishedFlops)} as published, ${scaled(report.fullFlops)} in full`,
  ].join('; ');
}

function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= answerWidth) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines.join('\n');
}
