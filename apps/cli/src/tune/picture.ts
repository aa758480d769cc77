/** What `tune` found as the file that the ending of its name says. */
import type { TradeOffPoint } from '@transprune/report';
import type { Ending } from '../show/ending.js';
import { intervalNote, recommendation, tuneGrid } from '../show/tune.js';
import type { TuneReport } from './document.js';
import { paid } from './recommend.js';

export const tuneEndings = ['.html', '.svg', '.png'] as const satisfies readonly Ending[];

export async function drawTune(
  report: TuneReport,
  ending: (typeof tuneEndings)[number],
): Promise<string | Uint8Array> {
  const { pageHtml, svgToPng, tradeOff } = await import('@transprune/report');
  const { aim, source, model, device } = report;
  const figure = tradeOff(pointsOf(report), aim === 'time' ? 'time of an answer' : 'prompt FLOPs');
  if (ending === '.svg') return figure.svg;
  if (ending === '.png') return svgToPng(figure.svg);
  return pageHtml({
    title: `${source}: ${model} on ${device}`,
    lead: recommendation(report),
    figures: [figure],
    tables: [{ title: intervalNote, ...tuneGrid(report) }],
  });
}

/** Of those whose cost and accuracy were measured. */
function pointsOf({ schedules, aim, recommended }: TuneReport): TradeOffPoint[] {
  const named = new Set<string>();
  return schedules.flatMap((schedule) => {
    const { name, family, accuracy, isOnFront } = schedule;
    const cost = paid(schedule, aim);
    if (cost === null || !accuracy) return [];
    const isFirst = !named.has(family);
    named.add(family);
    return {
      name: isFirst ? family : '',
      family,
      cost,
      accuracy: accuracy.value,
      low: accuracy.low,
      high: accuracy.high,
      isOnFront,
      isChosen: name === recommended?.name,
    };
  });
}
