/** Part 2, with the cost held: where a method prunes, chosen on pictures of its own. */
import { meanOfPoints } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { mean } from '../statistics/ratio.js';
import { answersTo, type Result, type Study } from '../study.js';
import { schedulesAt } from '../variants/schedules.js';
import type { Accuracies } from './accuracy.js';
import { comparisonTable, gain, keptOf, resultOf, verdict } from './comparison.js';

/** Methods that prune in the decoder; TransPrune first. */
const tuned = ['transprune', 'fastv', 'pyramid-drop', 'v2drop', 'dash', 'key-norm', 'random'];

/** A picture in so many chooses. */
const chooses = 8;

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

/** At High and Low, and at the questions of the comparison of all methods. */
export async function studySchedules(
  study: Study,
  { unpruned, main, all }: Accuracies,
): Promise<ScheduleStudy> {
  const { questions, costing, extent, heldOut } = study;
  const scenes = [...new Set(questions.map(({ scene }) => scene))];
  const isChoosing = ({ scene }: StudyQuestion) => scenes.indexOf(scene) % chooses === 0;
  const choosing = questions.filter(isChoosing);
  const judging = questions.filter((question) => !isChoosing(question));
  const parts: string[] = [];
  const better = new Map<string, string[]>();
  for (const setting of main.keys()) {
    const methods = all.get(setting) ?? [];
    const found: Found[] = [];
    for (const method of tuned) {
      const usual = methods.find(({ family }) => family === method);
      if (!usual) continue;
      const { seeds } = usual.variant;
      const tried: Result[] = [];
      const schedules = schedulesAt(costing, usual.variant.plan, usual.cost);
      for (const variant of schedules.slice(0, extent.schedules)) {
        tried.push(await resultOf(study, { ...variant, ...(seeds && { seeds }) }, choosing));
      }
      const { variant } = mostRight(tried, choosing);
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
      withInterval(meanOfPoints(answersTo(chosen, judging))),
      percent(keptOf(chosen, unpruned, judging).value),
      chosen === own.chosen ? '' : points(gain(chosen, own.chosen, judging)),
      percent(mean(answersTo(usual, judging))),
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
    `Pruned earlier, more tokens can stay for the same cost; later, fewer, chosen when more is known. So each method is tried with its own number of prunes and with one, from early to as late as the cost can be reached; the ${choosing.length} questions about every eighth picture choose a schedule, the ${judging.length} about the others say what the choice is worth. *random* is the mean of ${extent.masks} random choices here too, and chooses by their mean.`,
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
  'with that of the tables above, %',
];

/** The first of those that answer most right. */
function mostRight(results: readonly Result[], questions: readonly StudyQuestion[]): Result {
  const [best] = results.toSorted(
    (a, b) => mean(answersTo(b, questions)) - mean(answersTo(a, questions)),
  );
  if (!best) throw new Error('expected a schedule');
  return best;
}
