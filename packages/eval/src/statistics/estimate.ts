/** Figures with the interval that holds the true one 95 times of 100. */
import { mean, medianSorted, quantileSorted, sampleWithReplacement } from 'simple-statistics';
import { randomSource } from './random.js';

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Two standard deviations, nearly, hold 95 %. */
const z = 1.959964;

const nothing: Estimate = { value: Number.NaN, low: Number.NaN, high: Number.NaN };

/**
 * A share of right answers, with Wilson's interval (E. B. Wilson, "Probable inference", 1927), which is right for few
 * questions and for shares near 0 and 1 too.
 */
export function share(right: readonly boolean[]): Estimate {
  const count = right.length;
  if (count === 0) return nothing;
  const value = right.filter(Boolean).length / count;
  const middle = (value + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const width =
    (z / (1 + z ** 2 / count)) *
    Math.sqrt((value * (1 - value)) / count + z ** 2 / (4 * count ** 2));
  return { value, low: Math.max(0, middle - width), high: Math.min(1, middle + width) };
}

/** Samples that a bootstrap draws. */
const draws = 1000;

const seed = 1;

/** A mean, with its interval by bootstrap: means of as many values drawn from these, again and again. */
export function average(values: readonly number[]): Estimate {
  return bootstrap(values, mean);
}

/** The value in the middle, with its interval by bootstrap. */
export function medianOf(values: readonly number[]): Estimate {
  return bootstrap(values, (sample) => medianSorted(sample.toSorted((a, b) => a - b)));
}

function bootstrap(values: readonly number[], figure: (sample: number[]) => number): Estimate {
  if (values.length === 0) return nothing;
  const random = randomSource(seed);
  const all = [...values];
  const drawn = Array.from({ length: draws }, () =>
    figure(sampleWithReplacement(all, all.length, random)),
  ).sort((a, b) => a - b);
  return {
    value: figure(all),
    low: quantileSorted(drawn, 0.025),
    high: quantileSorted(drawn, 0.975),
  };
}

/** Points from 0 to 1: their mean as a share where each is all or nothing, otherwise by bootstrap. */
export function meanOfPoints(points: readonly number[]): Estimate {
  return points.every(isAllOrNothing) ? share(points.map(Boolean)) : average(points);
}

/**
 * The same of a difference at the same questions. Where each point is all or nothing the interval is Newcombe's (R. G.
 * Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data", 1998,
 * method 10): unlike a bootstrap it does not call it certain that two are alike because few answers are.
 */
export function differenceOfPoints(points: readonly number[], others: readonly number[]): Estimate {
  if (![...points, ...others].every(isAllOrNothing)) {
    return average(points.map((value, at) => value - (others[at] ?? 0)));
  }
  if (points.length === 0) return nothing;
  const [one, two] = [share(points.map(Boolean)), share(others.map(Boolean))];
  const alike = correlation(points, others);
  const reach = (a: number, b: number) => Math.sqrt(a ** 2 - 2 * alike * a * b + b ** 2);
  const value = one.value - two.value;
  return {
    value,
    low: value - reach(one.value - one.low, two.high - two.value),
    high: value + reach(two.value - two.low, one.high - one.value),
  };
}

/** Of answers to the same questions, pulled towards 0 as the method has it; 0 where one never varies. */
function correlation(points: readonly number[], others: readonly number[]): number {
  const count = (value: number, other: number) =>
    points.filter((point, at) => point === value && others[at] === other).length;
  const [both, first, second, neither] = [count(1, 1), count(1, 0), count(0, 1), count(0, 0)];
  const spread = (both + first) * (second + neither) * (both + second) * (first + neither);
  if (spread === 0) return 0;
  const cross = both * neither - first * second;
  const corrected = cross > 0 ? Math.max(0, cross - points.length / 2) : cross;
  return corrected / Math.sqrt(spread);
}

const isAllOrNothing = (point: number) => point === 0 || point === 1;
