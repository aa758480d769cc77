import { average, type Estimate } from '@transprune/eval';
import { mean } from './ratio.js';

/** Two groups of rows, such as layers, over the same columns, such as pictures. */
export interface Contrast {
  /** Mean over a group's rows, with its interval over columns. */
  readonly own: Estimate;
  readonly others: Estimate;
  /** Paired by column. */
  readonly difference: Estimate;
}

/**
 * How much higher one group of rows is than another.
 *
 * @param own `[rows][columns]`
 * @param others of as many columns
 */
export function contrast(
  own: readonly (readonly number[])[],
  others: readonly (readonly number[])[],
): Contrast {
  const columnMeans = (rows: readonly (readonly number[])[]) =>
    (rows[0] ?? []).map((_, column) => mean(rows.map((row) => row[column] ?? Number.NaN)));
  const [ours, theirs] = [columnMeans(own), columnMeans(others)];
  return {
    own: average(ours),
    others: average(theirs),
    difference: average(ours.map((value, column) => value - (theirs[column] ?? Number.NaN))),
  };
}
