/** Part 2, with the cost held: where a method prunes, chosen on pictures of its own. */
import { share } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { schedulesAt } from '../variants/schedules.js';
import type { Accuracies } from './accuracy.js';
import { comparisonTable, gain, keptOf, resultOf, verdict } from './comparison.js';

/** Methods that prune in the decoder; TransPrune first. */
const tuned = ['transprune', 'fastv', 'pyramid-drop', 'random'];

/** A picture in so many chooses. */
const chooses = 3;

export interface ScheduleStudy {
  readonly markdown: string;
  /** What is better than TransPrune where each has the schedule that is chosen for it: by method, in words. */
  readonly better: ReadonlyMap<string, readonly string[]>;
}

/** What was found of a method at one cost. */
interface Found {
  readonly method: string;
  /** With the schedule that is published. */
  readonly usual: Result;
  /** At the questions that choose. */
  readonly tried: readonly Result[];
  /** The best of these, at the others. */
  readonly chosen: Result;
}

/** At the settings of the main comparison, and at its questions. */
export async function studySchedules(
  study: Study,
  { unpruned, main }: Accuracies,
): Promise<ScheduleStudy> {
  const { questions, costing, extent, heldOut } = study;
  const isChoosing = ({ scene }: StudyQuestion) => scene % chooses === 0;
  const choosing = questions.filter(isChoosing);
  const judging = questions.filter((question) => !isChoosing(question));
  const parts: string[] = [];
  const better = new Map<string, string[]>();
  for (const [setting, methods] of main) {
    const found: Found[] = [];
    for (const method of tuned) {
      const usual = methods.find(({ family }) => family === method);
      if (!usual) continue;
      const tried: Result[] = [];
      const schedules = schedulesAt(costing, usual.variant.plan, usual.cost);
      for (const variant of schedules.slice(0, extent.schedules)) {
        tried.push(await resultOf(study, variant, choosing));
      }
      const { variant } = mostRight(tried, unpruned, choosing);
      found.push({ method, usual, tried, chosen: await resultOf(study, variant, judging) });
    }
    const [own, ...others] = found;
    if (!own) continue;
    for (const { method, chosen } of others) {
      if (verdict(chosen, own.chosen, judging) !== 'better') continue;
      const how = `${setting.name}, ${chosen.name}: better (${points(gain(chosen, own.chosen, judging))} points)`;
      better.set(method, [...(better.get(method) ?? []), how]);
    }
    const row = ({ method, usual, tried, chosen }: Found) => [
      method,
      `${tried.length}`,
      chosen.name,
      withInterval(share(answersTo(chosen, judging))),
      percent(keptOf(chosen, unpruned, judging)),
      chosen === own.chosen ? '' : points(gain(chosen, own.chosen, judging)),
      percent(share(answersTo(usual, judging)).value),
    ];
    parts.push(
      `**At the cost of ${setting.name}**, TransPrune about the pictures that choose:`,
      comparisonTable(own.tried, choosing, heldOut.kinds),
      'About the other pictures, each method with the schedule that is chosen for it:',
      table(head, found.map(row)),
    );
  }
  const markdown = section(
    'Where it prunes, at the same cost',
    `Schedules are as published for 32 layers, scaled to ${costing.model.decoder.layers.length}. Pruned earlier, more tokens can stay for the same cost; later, fewer, chosen when more is known. So each method is tried with its own number of prunes and with one, from early to as late as the cost can be reached; the ${choosing.length} questions about every third picture choose a schedule, the ${judging.length} about the others say what the choice is worth.`,
    ...parts,
  );
  return { markdown, better };
}

const head = [
  '',
  'tried',
  'chosen',
  'right answers, %',
  'of the unpruned, %',
  'against transprune',
  'as published, scaled, %',
];

/** The first of those that answer most right. */
function mostRight(
  results: readonly Result[],
  reference: Result,
  questions: readonly StudyQuestion[],
): Result {
  const [best] = results.toSorted(
    (a, b) => keptOf(b, reference, questions) - keptOf(a, reference, questions),
  );
  if (!best) throw new Error('expected a schedule');
  return best;
}
