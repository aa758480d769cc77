/** What a verification says, as plain data. */
import { TransPruneError } from '@transprune/core';
import { lastLogits, relativeDifference, worst } from './compare.js';
import type { Answer } from './play.js';
import type { Precision } from './tolerance.js';

/** One thing that has to hold. */
export interface VerifyCheck {
  readonly name: string;
  readonly passed: boolean;
  /**
   * The largest found, relative to the largest value; null where there is none: what is compared has
   * another shape or did not run (not passed), or the check does not apply (passed).
   */
  readonly difference: number | null;
  /** The largest that passes. */
  readonly tolerance: number;
  /** What went wrong; what was left out, and why. */
  readonly note?: string;
}

export interface VerifyReport {
  readonly passed: boolean;
  /** False for the thorough verification. */
  readonly quick: boolean;
  /** What ran the graphs, as the backend names it. */
  readonly device: string;
  readonly precision: Precision;
  readonly checks: readonly VerifyCheck[];
}

/** What came of runs, or the words of the backend that failed. */
export type Outcome<T> = { readonly value: T } | { readonly failure: string };

/** Runs that may fail because the graph is wrong. */
export async function outcomeOf<T>(run: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    return { failure: wordsOf(error) };
  }
}

/** A failed run's own message names what was fed; its cause says what is wrong. */
export function wordsOf(error: TransPruneError): string {
  const { message } = error.cause instanceof Error ? error.cause : error;
  return message.trim();
}

/** What was measured, or why nothing was. */
export interface Measured {
  readonly difference: number | null;
  readonly note?: string;
}

/** A check on what runs gave. */
export function check<T>(
  name: string,
  tolerance: number,
  outcome: Outcome<T>,
  measure: (value: T) => Measured,
): VerifyCheck {
  if ('failure' in outcome) {
    const note = `the graph failed: ${outcome.failure}`;
    return { name, passed: false, difference: null, tolerance, note };
  }
  const { difference, note } = measured(measure, outcome.value);
  const passed = difference !== null && difference <= tolerance;
  return { name, passed, difference, tolerance, ...(note !== undefined && { note }) };
}

/** What cannot be compared at all, as it has another shape than expected, is not passed. */
function measured<T>(measure: (value: T) => Measured, value: T): Measured {
  try {
    return measure(value);
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    return { difference: null, note: `not comparable: ${error.message}` };
  }
}

export function notApplicable(name: string, tolerance: number, reason: string): VerifyCheck {
  const note = `not applicable: ${reason}`;
  return { name, passed: true, difference: null, tolerance, note };
}

/** Logits of all tokens of some calls, and cache lengths after them. */
export function compareCalls(actual: readonly Answer[], expected: readonly Answer[]): Measured {
  for (const [at, { cacheLengths, logits }] of expected.entries()) {
    const found = actual[at];
    const note = differenceOf(
      ['cache lengths', found?.cacheLengths ?? [], cacheLengths],
      ['logits of shape', found?.logits.shape ?? [], logits.shape],
    );
    if (note) return { difference: null, note: `call ${at + 1}: ${note}` };
  }
  const differences = expected.map(({ logits }, at) =>
    relativeDifference(actual[at]?.logits.data ?? [], logits.data),
  );
  return { difference: worst(differences) };
}

/** Calls one after the other against the same tokens as one prompt. */
export function compareTogether(calls: readonly Answer[], together: Answer): Measured {
  const last = calls.at(-1);
  if (!last) return { difference: null };
  const note = differenceOf(['cache lengths', last.cacheLengths, together.cacheLengths]);
  if (note) return { difference: null, note };
  // Some graphs give the last token's logits only.
  if (together.logits.shape[1] === 1) {
    return { difference: relativeDifference(lastLogits(last.logits), lastLogits(together.logits)) };
  }
  const all = calls.flatMap(({ logits }) => [...logits.data]);
  return { difference: relativeDifference(all, together.logits.data) };
}

/** The first lists that are not equal, in words. */
export function differenceOf(
  ...pairs: readonly [name: string, found: readonly number[], expected: readonly number[]][]
): string | undefined {
  const [name, found, expected] =
    pairs.find(([, found, expected]) => found.join() !== expected.join()) ?? [];
  return name && `expected ${name} ${expected?.join(', ')}, got ${found?.join(', ')}`;
}
