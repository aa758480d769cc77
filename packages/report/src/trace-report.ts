import type { Answer, Trace } from '@transprune/trace';
import type { Figure } from './figure.js';
import { keptPatches } from './kept-patches.js';
import { layerMaps } from './layer-maps.js';
import type { Page, PageTable } from './page.js';
import { scoreHistograms } from './score-histograms.js';

/** All that a trace shows, as a page. */
export function tracePage(trace: Trace): Page {
  return {
    title: trace.question,
    lead: `${trace.picture.name}, ${trace.imageTokens} image tokens and ${trace.textTokens} of text, ${trace.model} on ${trace.device}.`,
    tables: [answersTable(trace)],
    figures: traceFigures(trace),
  };
}

/** The figures of a trace, the most telling first. */
export function traceFigures(trace: Trace): Figure[] {
  return [
    keptPatches(trace),
    ...(trace.stages.length > 0 ? [scoreHistograms(trace)] : []),
    ...layerMaps(trace),
  ];
}

function answersTable({ unpruned, pruned }: Trace): PageTable {
  const answers = [...(unpruned ? [unpruned] : []), pruned];
  const row = (name: string, cell: (answer: Answer) => string) => [name, ...answers.map(cell)];
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  return {
    title: 'Answers',
    head: ['', ...(unpruned ? ['unpruned'] : []), 'pruned'],
    rows: [
      row('answer', ({ text }) => text),
      row(
        'image tokens at the last layer',
        (answer) => `${answer.imageTokensPerLayer.at(-1) ?? 0}`,
      ),
      row('time to the first token', ({ firstTokenMs }) => ms(firstTokenMs)),
      row('of it prefill', ({ prefillMs }) => ms(prefillMs)),
      row('KV cache', ({ kvCacheBytes }) => `${(kvCacheBytes / 1024).toFixed(0)} KiB`),
      row(
        'multiply-adds of the prefill',
        ({ multiplyAdds }) => `${(multiplyAdds / 1e6).toFixed(0)} M`,
      ),
    ],
  };
}
