/** The study's document, piece by piece. */
import type { Estimate } from '@transprune/eval';

/** A table; all columns but the first are figures, or words. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  others: 'figures' | 'words' = 'figures',
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const column = others === 'figures' ? '|-:' : '|-';
  return [line(head), `|-${column.repeat(head.length - 1)}|`, ...rows.map(line)].join('\n');
}

export const percent = (value: number, digits = 1) =>
  Number.isFinite(value) ? (100 * value).toFixed(digits) : '';

/** A share with its interval, in percent. */
export const withInterval = ({ value, low, high }: Estimate) =>
  Number.isFinite(value) ? `${percent(value)} [${percent(low)}, ${percent(high)}]` : '';

/** A difference with its interval, in points. */
export function points({ value, low, high }: Estimate): string {
  const signed = (x: number) => `${x > 0 ? '+' : ''}${percent(x)}`;
  return Number.isFinite(value) ? `${signed(value)} [${signed(low)}, ${signed(high)}]` : '';
}

/** Paragraphs and tables, with a heading. */
export const section = (heading: string, ...parts: readonly string[]) =>
  [`## ${heading}`, ...parts.filter(Boolean)].join('\n\n');
