/** The Pareto front, and which plan to use. */
import type { Result } from './results.js';
import { isUnpruned } from './schedules.js';

/** What is to be little: the time that was measured, or the cost of the prompt as it is counted. */
export const aims = ['time', 'flops'] as const;
export type Aim = (typeof aims)[number];

/** A result's share of the unpruned time or cost; null if it was not measured. */
export const paid = ({ time, cost }: Pick<Result, 'time' | 'cost'>, aim: Aim): number | null =>
  aim === 'time' ? (time?.value ?? null) : cost;

/**
 * Those that no other is better than, at the same cost or less, or cheaper than, as good or better; of those whose cost
 * and accuracy were measured.
 */
export function paretoFront(results: readonly Result[], aim: Aim): ReadonlySet<Result> {
  const all = results.flatMap((result) => {
    const [cost, accuracy] = [paid(result, aim), result.accuracy?.value];
    return cost === null || accuracy === undefined ? [] : [{ result, cost, accuracy }];
  });
  type Known = (typeof all)[number];
  const beats = (one: Known, other: Known) => {
    const [cheaper, better] = [one.cost - other.cost, other.accuracy - one.accuracy];
    return cheaper <= 0 && better <= 0 && (cheaper < 0 || better < 0);
  };
  const front = all.filter((one) => !all.some((other) => beats(other, one)));
  return new Set(front.map(({ result }) => result));
}

export interface Recommendation {
  readonly result: Result;
  /**
   * Random choice at no more cost that is as good or better at these questions, if there is one; beside the unpruned, one
   * that is cheaper and within the tolerance.
   */
  readonly random: Result | undefined;
}

/**
 * The cheapest plan whose accuracy is not worse than the unpruned's by more than the tolerance; the unpruned itself
 * where none is cheaper. Baselines are no choice, nor is what was not measured.
 *
 * @param tolerance from 0 to 1
 */
export function recommend(
  results: readonly Result[],
  tolerance: number,
  aim: Aim,
): Recommendation | undefined {
  const [found] = results
    .flatMap((result) => {
      const { schedule, difference, accuracy } = result;
      const cost = paid(result, aim);
      if (schedule.isBaseline || !difference || !accuracy || cost === null) return [];
      const isGood = difference.value >= -tolerance;
      return isGood ? [{ result, cost, right: accuracy.value }] : [];
    })
    .toSorted((a, b) => a.cost - b.cost || b.right - a.right);
  if (!found) return undefined;
  const { result, right } = found;
  const prunes = !isUnpruned(result.schedule);
  const random = results.find((other) => {
    const { schedule, cost, accuracy, difference } = other;
    if (!schedule.isBaseline || !accuracy || !difference) return false;
    if (prunes) return cost <= result.cost + sameCost && accuracy.value >= right;
    return (paid(other, aim) ?? 1) < 1 && difference.value >= -tolerance;
  });
  return { result, random };
}

/** Keep ratios are fitted to a cost, not exactly. */
const sameCost = 0.005;

/** Two standard deviations, nearly, hold 95 %. */
const z = 1.959964;

/**
 * Fewest questions that can rule out a larger loss than the tolerance: of fewer, Wilson's interval of a share of which
 * none was seen reaches beyond it. More are needed where answers differ at all. Null where no number can, of no
 * tolerance.
 */
export function fewestQuestions(tolerance: number): number | null {
  return tolerance > 0 ? Math.ceil((z ** 2 * (1 - tolerance)) / tolerance) : null;
}
