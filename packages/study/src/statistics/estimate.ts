/** Figures with the interval that holds the true one 95 times of 100. */
import { mean, quantileSorted, sampleWithReplacement } from 'simple-statistics';
import { randomSource } from './random.js';

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Two standard deviations, nearly, hold 95 %. */
const z = 1.959964;

/**
 * A share of right answers, with Wilson's interval (E. B. Wilson, "Probable inference", 1927), which is right for few
 * questions and for shares near 0 and 1 too.
 */
export function share(right: readonly boolean[]): Estimate {
  const count = right.length;
  if (count === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN };
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
  if (values.length === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN };
  const random = randomSource(seed);
  const all = [...values];
  const means = Array.from({ length: draws }, () =>
    mean(sampleWithReplacement(all, all.length, random)),
  ).sort((a, b) => a - b);
  return {
    value: mean(all),
    low: quantileSorted(means, 0.025),
    high: quantileSorted(means, 0.975),
  };
}

/** How much better one is than another at the same questions: the mean difference, paired. */
export function gain(right: readonly boolean[], other: readonly boolean[]): Estimate {
  return average(right.map((isRight, at) => Number(isRight) - Number(other[at])));
}
