/** Parsers of option values; commander turns what they throw into a usage error. */
import { InvalidArgumentError } from 'commander';

/** A whole number of at least `least` and at most `most`. */
export function wholeNumber(
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    }
    if (value > most) {
      throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** A number of at most `most`, and of at least 0, or above it. */
export function numberUpTo(most: number, least: 'from 0' | 'above 0'): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= 0 && value <= most) || (value === 0 && least === 'above 0')) {
      throw new InvalidArgumentError(`Expected a number ${least} to ${most}.`);
    }
    return value;
  };
}

/** A number above `least`. */
export function numberAbove(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value > least && Number.isFinite(value))) {
      throw new InvalidArgumentError(`Expected a number above ${least}.`);
    }
    return value;
  };
}

/** Most layers that a range may spell out; no decoder is that deep, a slip of the finger may be. */
const mostLayers = 10_000;

/** Layers, such as `7,9,12` or `7-12`. */
export function layerList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const range = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part);
    const from = Number(range?.[1] ?? Number.NaN);
    const to = Number(range?.[2] ?? from);
    if (!range || to < from || to > mostLayers) {
      throw new InvalidArgumentError('Expected layer numbers such as 7,9,12 or 7-12.');
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** Numbers, such as `.875,.625,.125`; what they may be is checked with the plan. */
export function numberList(text: string): number[] {
  return text.split(',').map((part) => {
    const value = part.trim() === '' ? Number.NaN : Number(part);
    if (!Number.isFinite(value)) {
      throw new InvalidArgumentError('Expected numbers such as .875,.625,.125.');
    }
    return value;
  });
}

/** Shares above 0 and below 1, such as `.7,.5,.35`. */
export function shareList(text: string): number[] {
  const shares = numberList(text);
  if (shares.some((share) => !(share > 0 && share < 1))) {
    throw new InvalidArgumentError('Expected shares above 0 and below 1, such as .7,.5,.35.');
  }
  return shares;
}
