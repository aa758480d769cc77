/** A result as the file that the ending of its name says. */
import type { Figure, Page } from '@transprune/report';
import type { Ending } from './ending.js';

export interface Drawing {
  /** The result itself, as JSON. */
  readonly document: unknown;
  readonly page: () => Page;
  readonly figure: () => Figure;
}

/** @returns what the file holds */
export async function drawnAs(
  ending: Ending,
  { document, page, figure }: Drawing,
): Promise<string | Uint8Array> {
  if (ending === '.json') return `${JSON.stringify(document)}\n`;
  const { pageHtml, svgToPng } = await import('@transprune/report');
  if (ending === '.html') return pageHtml(page());
  const { svg } = figure();
  return ending === '.svg' ? svg : svgToPng(svg);
}
