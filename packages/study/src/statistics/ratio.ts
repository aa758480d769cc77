import { type Estimate, randomSource } from '@transprune/eval';
import { quantileSorted } from 'simple-statistics';

/** Samples that a bootstrap draws. */
const draws = 1000;

const seed = 1;

/** NaN of none. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Points as a share of others at the same questions: the quotient of their sums. Its interval is by bootstrap over
 * questions, with both points of a question drawn together.
 *
 * @param points from 0 to 1
 * @param others as many
 * @returns NaN where the others have none
 */
export function ratioOfPoints(points: readonly number[], others: readonly number[]): Estimate {
  const count = points.length;
  const value = mean(points) / mean(others);
  if (!Number.isFinite(value)) return { value: Number.NaN, low: Number.NaN, high: Number.NaN };
  const random = randomSource(seed);
  const drawn = Array.from({ length: draws }, () => {
    let [sum, of] = [0, 0];
    for (let at = 0; at < count; at++) {
      const one = Math.floor(random() * count);
      sum += points[one] ?? 0;
      of += others[one] ?? 0;
    }
    return sum / of;
  })
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  return { value, low: quantileSorted(drawn, 0.025), high: quantileSorted(drawn, 0.975) };
}
