import Table from 'cli-table3';
import { wrap } from './wrap.js';

/** Names to the left, values to the right. It is drawn when the width is known. */
export interface Grid {
  /** Empty for a table without one. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A part of a result: text, or a table. */
export type Block = string | Grid;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): Grid {
  return { head, rows };
}

/**
 * A result as text.
 *
 * @param columns the most characters of a table's line; as many as it takes if left out
 */
export function draw(blocks: readonly Block[], columns?: number): string {
  return blocks
    .map((block) => (typeof block === 'string' ? block : drawGrid(block, columns)))
    .join('\n');
}

/** With borders, without color. */
function drawGrid({ head, rows }: Grid, columns = Number.POSITIVE_INFINITY): string {
  const all = head.length > 0 ? [head, ...rows] : rows;
  const widths = fittingWidths(naturalWidths(all), columns);
  const fitted = (row: readonly string[]) =>
    row.map((cell, at) => wrap(cell, widths[at] ?? Number.POSITIVE_INFINITY).join('\n'));
  const drawn = new Table({
    head: fitted(head),
    colAligns: widths.map((_, at) => (at === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) drawn.push(fitted(row));
  return drawn.toString();
}

function naturalWidths(rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widthOf = (cell: string) => Math.max(...cell.split('\n').map((line) => line.length));
  return Array.from({ length: columns }, (_, at) =>
    Math.max(0, ...rows.map((row) => widthOf(row[at] ?? ''))),
  );
}

/** No column is made narrower than this. */
const narrowest = 4;

/** Takes from the widest column, again and again, until all fit beside each other. */
function fittingWidths(natural: readonly number[], columns: number): number[] {
  const widths = [...natural];
  // A border before each column and at the end, a space at either side of a cell.
  const room = columns - (3 * widths.length + 1);
  const total = () => widths.reduce((sum, width) => sum + width, 0);
  while (total() > room) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}
