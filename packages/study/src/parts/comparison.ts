/** A table of results at the same questions. */

import { differenceOfPoints, type Estimate, share } from '@transprune/eval';
import { askVariant } from '../answers/ask.js';
import { percent, points, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { costShare } from '../variants/costs.js';
import type { Variant } from '../variants/variant.js';

/** Asks a variant, and counts what it costs. */
export async function resultOf(
  { asking, costing }: Study,
  variant: Variant,
  questions: readonly StudyQuestion[],
): Promise<Result> {
  const right = await askVariant(asking, variant, questions);
  const { name, family = name } = variant;
  return { name, family, variant, cost: costShare(costing, variant), right };
}

/**
 * Rows of results: cost, right answers in percent with their interval, those of each kind, and how much better each is
 * than a reference.
 *
 * @param reference the first result if left out
 */
export function comparisonTable(
  results: readonly Result[],
  questions: readonly StudyQuestion[],
  kinds: readonly string[],
  reference: Result | undefined = results[0],
): string {
  const ofKind = new Map(
    kinds.map((kind) => [kind, questions.filter((question) => question.kind === kind)]),
  );
  const asked = kinds.filter((kind) => (ofKind.get(kind)?.length ?? 0) > 0);
  const head = ['right answers, %', 'cost, %', 'all', `against ${reference?.name}`, ...asked];
  const rows = results.map((result) => [
    result.name,
    percent(result.cost, 0),
    withInterval(share(answersTo(result, questions))),
    reference && result !== reference ? points(gain(result, reference, questions)) : '',
    ...asked.map((kind) => percent(share(answersTo(result, ofKind.get(kind) ?? [])).value)),
  ]);
  return table(head, rows);
}

/** How much better one result is than another at the same questions. */
export function gain(result: Result, other: Result, questions: readonly StudyQuestion[]): Estimate {
  const [own, others] = [result, other].map((each) => answersTo(each, questions).map(Number));
  return differenceOfPoints(own ?? [], others ?? []);
}

/** How one result stands to another at the same questions, in a word. */
export function verdict(
  result: Result,
  other: Result,
  questions: readonly StudyQuestion[],
): 'better' | 'worse' | 'not told apart' {
  const { low, high } = gain(result, other, questions);
  if (low > 0) return 'better';
  return high < 0 ? 'worse' : 'not told apart';
}

/** The share of the reference's right answers that a result has as many of. */
export function keptOf(
  result: Result,
  reference: Result,
  questions: readonly StudyQuestion[],
): number {
  const count = (each: Result) => answersTo(each, questions).filter(Boolean).length;
  return count(result) / Math.max(1, count(reference));
}
