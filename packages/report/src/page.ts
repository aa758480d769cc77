import { escape as escapeHtml } from 'html-escaper';
import type { Figure } from './figure.js';

/** A table; the first column names the rows. */
export interface PageTable {
  readonly title: string;
  /** Empty for a table without one. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Whether it holds text, which stands to the left and keeps its lines; numbers if left out. */
  readonly isText?: boolean;
}

export interface Page {
  readonly title: string;
  readonly lead: string;
  readonly figures: readonly Figure[];
  /** Before the figures. */
  readonly tables?: readonly PageTable[];
  /** Tables after the figures. */
  readonly appendix?: readonly PageTable[];
}

const style = `
  body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1c1f24; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
  figure { margin: 0 0 1.5rem; overflow-x: auto; } figcaption { color: #555b66; }
  svg { max-width: 100%; height: auto; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th, td { padding: .3rem .8rem; border-bottom: 1px solid #dfe2e7; text-align: right; }
  th:first-child, td:first-child { text-align: left; }
  .text th, .text td { text-align: left; vertical-align: top; white-space: pre-line; overflow-wrap: anywhere; }
  .text td:first-child { min-width: 7em; }
`;

/** A page that needs nothing else: pictures and styles are in it. */
export function pageHtml({ title, lead, figures, tables = [], appendix = [] }: Page): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    `<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style></head>`,
    '<body>',
    `<h1>${escapeHtml(title)}</h1>`,
    `<p>${escapeHtml(lead)}</p>`,
    ...tables.map(tableHtml),
    ...figures.map(figureHtml),
    ...appendix.map(tableHtml),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function figureHtml({ title, caption, svg }: Figure): string {
  return `<h2>${escapeHtml(title)}</h2>\n<figure>${svg}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

function tableHtml({ title, head, rows, isText }: PageTable): string {
  const cells = (tag: string, row: readonly string[]) =>
    `<tr>${row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => cells('td', row)).join('');
  const top = head.length > 0 ? `<thead>${cells('th', head)}</thead>` : '';
  return `<h2>${escapeHtml(title)}</h2>\n<table${isText ? ' class="text"' : ''}>${top}<tbody>${body}</tbody></table>`;
}
