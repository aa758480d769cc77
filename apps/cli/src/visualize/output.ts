/** A trace as the file that the ending of its name says. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { TransPruneError } from '@transprune/core';
import type { Trace } from '@transprune/trace';

const endings = ['.html', '.svg', '.png', '.json'] as const;
export type Ending = (typeof endings)[number];

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

/** @throws TransPruneError INVALID_ARGUMENT for another ending */
export function endingOf(path: string): Ending {
  const found = endings.find((ending) => ending === extname(path).toLowerCase());
  if (found) return found;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a file that ends in ${endings.join(', ')}, got ${path}; the ending says what is written`,
    { path },
  );
}

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
  if (ending === '.json') return `${JSON.stringify(trace)}\n`;
  const { pageHtml, svgToPng, traceFigures, tracePage } = await import('@transprune/report');
  if (ending === '.html') return pageHtml(tracePage(trace));
  const figures = traceFigures(trace);
  const found = figures.find(({ name }) => name === figure);
  if (!found) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected one of the trace's figures, ${figures.map(({ name }) => name).join(', ')}, got ${figure}, for which the trace has no numbers`,
      { option: '--figure', figure },
    );
  }
  return ending === '.svg' ? found.svg : svgToPng(found.svg);
}

/** Writes a file that appears when it is whole. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, content, { flag: 'wx' });
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new TransPruneError(
      'WRITE_FAILED',
      `expected to write ${path}, got: ${reason}`,
      { path },
      { cause },
    );
  }
}
