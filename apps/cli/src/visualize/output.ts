/** A trace as the file that the ending of its name says. */
import { TransPruneError } from '@transprune/core';
import type { Trace } from '@transprune/trace';
import { drawnAs } from '../show/drawn.js';
import type { Ending } from '../show/ending.js';

export const traceEndings = ['.html', '.svg', '.png', '.json'] as const satisfies readonly Ending[];

/** Figures that an `.svg` or `.png` can show; layers' are there if layers were looked at. */
export const figureNames = [
  'kept-patches',
  'scores',
  'attention-magnitude',
  'attention-direction',
  'ffn-magnitude',
  'ffn-direction',
] as const;
export type FigureName = (typeof figureNames)[number];

/**
 * Draws a trace.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a figure that the trace has nothing for
 */
export async function drawTrace(
  trace: Trace,
  ending: Ending,
  figure: FigureName = 'kept-patches',
): Promise<string | Uint8Array> {
  const { traceFigures, tracePage } = await import('@transprune/report');
  const chosen = () => {
    const figures = traceFigures(trace);
    const found = figures.find(({ name }) => name === figure);
    if (found) return found;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected one of the trace's figures, ${figures.map(({ name }) => name).join(', ')}, got ${figure}, for which the trace has no numbers`,
      { option: '--figure', figure },
    );
  };
  return drawnAs(ending, { document: trace, page: () => tracePage(trace), figure: chosen });
}
