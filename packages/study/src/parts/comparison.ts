/** A table of results at the same questions. */

import { differenceOfPoints, type Estimate, meanOfPoints } from '@transprune/eval';
import { askKept, askVariant } from '../answers/ask.js';
import { percent, points, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { mean, ratioOfPoints } from '../statistics/ratio.js';
import { answersTo, type Result, type Study } from '../study.js';
import { costShare, costShareOfKept } from '../variants/costs.js';
import { masksOf, type Variant } from '../variants/variant.js';

/** Asks a variant, and counts what it costs. */
export async function resultOf(
  { asking, costing }: Study,
  variant: Variant,
  questions: readonly StudyQuestion[],
): Promise<Result> {
  const masks = [];
  for (const mask of masksOf(variant)) masks.push(await askVariant(asking, mask, questions));
  const { name, family = name } = variant;
  const { plan } = variant;
  const cost =
    plan.keepMass === undefined
      ? costShare(costing, variant)
      : costShareOfKept(costing, plan, await askKept(asking, variant, questions));
  return { name, family, variant, cost, masks };
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
    withInterval(meanOfPoints(answersTo(result, questions))),
    reference && result !== reference ? points(gain(result, reference, questions)) : '',
    ...asked.map((kind) => percent(mean(answersTo(result, ofKind.get(kind) ?? [])))),
  ]);
  return table(head, rows);
}

/** How much better one result is than another at the same questions. */
export function gain(result: Result, other: Result, questions: readonly StudyQuestion[]): Estimate {
  return differenceOfPoints(answersTo(result, questions), answersTo(other, questions));
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
): Estimate {
  return ratioOfPoints(answersTo(result, questions), answersTo(reference, questions));
}

/** What single random choices answer right, from the least to the most; empty where none of the results is one. */
export function singleMasks(
  results: readonly Result[],
  questions: readonly StudyQuestion[],
): string {
  const found = results
    .filter(({ masks }) => masks.length > 1)
    .map(({ name, masks }) => {
      const shares = masks.map((right) => mean(answersTo({ masks: [right] }, questions)));
      return `${name} from ${percent(Math.min(...shares))} to ${percent(Math.max(...shares))} % by ${masks.length} choices`;
    });
  return found.length === 0 ? '' : `Single random choices are right: ${found.join('; ')}.`;
}
