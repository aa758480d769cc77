/** What a series of measurements comes to. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly number[];
}

/** The middle value, or the mean of the two middle ones. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = Math.floor(sorted.length / 2);
  const lower = sorted.length % 2 === 1 ? upper : upper - 1;
  return ((sorted[lower] ?? Number.NaN) + (sorted[upper] ?? Number.NaN)) / 2;
}

export function summary(values: readonly number[]): Summary {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    values,
  };
}

/**
 * Where the median of all measurements there could be lies, with 95 %: the values as many places from the
 * middle as heads and tails come apart.
 */
export function medianRange(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return [sorted[rank] ?? Number.NaN, sorted.at(-1 - rank) ?? Number.NaN];
}

/** What `combine` makes of the values of each round: rounds share the machine's mood. */
export function byRound(
  combine: (...values: number[]) => number,
  ...series: readonly (readonly number[])[]
): number[] {
  const rounds = Math.min(...series.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) =>
    combine(...series.map((values) => values[round] ?? Number.NaN)),
  );
}
