/** Differences, relative to the size of what is compared. */
import type { NDArray } from '@transprune/core';

/** Largest absolute value. */
export function largest(values: ArrayLike<number>): number {
  let size = 0;
  for (let i = 0; i < values.length; i++) size = Math.max(size, Math.abs(values[i] ?? 0));
  return size;
}

/**
 * Largest difference over the expected values' largest; null if there is no comparing them: other
 * counts, or something that is no number.
 */
export function relativeDifference(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): number | null {
  if (actual.length !== expected.length) return null;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs((actual[i] ?? Number.NaN) - (expected[i] ?? 0)));
    if (Number.isNaN(difference)) return null;
  }
  return difference === 0 ? 0 : difference / Math.max(largest(expected), 1e-30);
}

/** The larger of differences, null if one of them is. */
export function worst(differences: readonly (number | null)[]): number | null {
  return differences.reduce<number | null>(
    (most, difference) =>
      most === null || difference === null ? null : Math.max(most, difference),
    0,
  );
}

/** The last token's logits of one row of a batch. */
export function lastLogits({ shape, data }: NDArray, row = 0): Float64Array {
  const [, tokens = 0, vocabulary = 0] = shape;
  const end = (row + 1) * tokens * vocabulary;
  return data.subarray(end - vocabulary, end);
}
