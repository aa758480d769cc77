/** The Pareto front, and which plan to use. */
import type { Result } from './results.js';

/** What is to be little: the time that was measured, or the cost of the prompt as it is counted. */
export const aims = ['time', 'flops'] as const;
export type Aim = (typeof aims)[number];

/** A result's share of the unpruned time or cost. */
export const paid = ({ time, cost }: Result, aim: Aim): number =>
  aim === 'time' ? time.value : cost;

/** Those that no other is better than, at the same cost or less, or cheaper than, as good or better. */
export function paretoFront(results: readonly Result[], aim: Aim): ReadonlySet<Result> {
  const beats = (one: Result, other: Result) => {
    const [cheaper, better] = [
      paid(one, aim) - paid(other, aim),
      other.accuracy.value - one.accuracy.value,
    ];
    return cheaper <= 0 && better <= 0 && (cheaper < 0 || better < 0);
  };
  return new Set(results.filter((one) => !results.some((other) => beats(other, one))));
}

export interface Recommendation {
  readonly result: Result;
  /**
   * Whether the questions rule out that it loses more than the tolerance: the interval of its difference from the
   * unpruned ends before. With few questions it seldom does.
   */
  readonly isCertain: boolean;
  /** Random choice at no more cost that is as good or better at these questions, if there is one. */
  readonly random: Result | undefined;
}

/**
 * The cheapest plan whose accuracy is not worse than the unpruned's by more than the tolerance; the unpruned itself
 * where none is cheaper. Baselines are no choice.
 *
 * @param tolerance from 0 to 1
 */
export function recommend(
  results: readonly Result[],
  tolerance: number,
  aim: Aim,
): Recommendation | undefined {
  const [result] = results
    .filter(({ schedule, difference }) => !schedule.isBaseline && difference.value >= -tolerance)
    .toSorted((a, b) => paid(a, aim) - paid(b, aim) || b.accuracy.value - a.accuracy.value);
  if (!result) return undefined;
  const prunes = result.schedule.plan.stages.length > 0;
  const random = results.find(
    ({ schedule, cost, accuracy }) =>
      schedule.isBaseline &&
      cost <= result.cost + sameCost &&
      accuracy.value >= result.accuracy.value,
  );
  return {
    result,
    isCertain: !prunes || result.difference.low >= -tolerance,
    random: prunes ? random : undefined,
  };
}

/** Keep ratios are fitted to a cost, not exactly. */
const sameCost = 0.005;
