/** Part 1: right answers of every method at the cost of High, Low and a harsher setting. */

import { type Estimate, meanOfPoints } from '@transprune/eval';
import { percent, points, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { unpruned } from '../variants/costs.js';
import {
  drawnMethods,
  mainMethods,
  methodsAt,
  ownSchedules,
  type Setting,
  sameSchedule,
} from '../variants/methods.js';
import { comparisonTable, gain, keptOf, resultOf, singleMasks, verdict } from './comparison.js';

/** What later parts take from this one; all of it at all questions. */
export interface Accuracies {
  readonly unpruned: Result;
  /** Main methods at High and Low; TransPrune is the first of each. */
  readonly main: ReadonlyMap<Setting, readonly Result[]>;
  /** Every method at High and Low, those of the figure at the harsher one. */
  readonly all: ReadonlyMap<Setting, readonly Result[]>;
  readonly markdown: string;
}

/** Shares of the unpruned accuracy that the settings are held against. */
const wanted: Readonly<Record<string, number>> = { High: 0.99, Low: 0.97 };

export async function studyAccuracy(study: Study): Promise<Accuracies> {
  const { questions, heldOut, settings, costing, extent } = study;
  const { imageSize } = heldOut.set;
  const side = Math.round(imageSize / 4);
  const ask = (name: string, shown?: 'blank' | { side: number }) =>
    resultOf(study, { name, plan: unpruned, ...(shown && { shown }) }, questions);
  const whole = await ask('unpruned');
  const blind = await ask('blind: a grey picture', 'blank');
  const coarse = await ask(`low resolution: ${side} x ${side} pixels`, { side });
  const all = new Map<Setting, Result[]>();
  for (const setting of settings) {
    const results = [];
    const { masks } = extent;
    for (const variant of methodsAt(costing, { imageSize, masks }, setting)) {
      const isAsked = setting.name in wanted || drawnMethods.includes(variant.family ?? '');
      if (!isAsked) continue;
      results.push(await resultOf(study, variant, questions));
    }
    all.set(setting, results);
  }
  const main = new Map(
    [...all]
      .filter(([{ name }]) => name in wanted)
      .map(([setting, results]) => [
        setting,
        results.filter(({ family }) => mainMethods.includes(family)),
      ]),
  );
  const { kinds } = heldOut;
  const needDetail = detailed(questions, whole, blind, coarse);
  const markdown = section(
    'Right answers',
    `${questions.length} held-out questions about ${new Set(questions.map(({ scene }) => scene)).size} pictures, drawn as they come: ${mixOf(study)}. Without a picture, and with few pixels, some are answered all the same:`,
    comparisonTable([whole, blind, coarse], questions, kinds),
    `${needDetail.length} questions need detail: the unpruned model answers them right with the picture, and wrong both blind and at low resolution. They are told apart as *detail needed* below; there the unpruned model is right by definition. The decoder has seen sequences of all lengths, or what shortens them would be at a disadvantage ([what changed with training](../training/README.md#why-a-fourth-stage)).`,
    'The cost is that of a prompt from the image features on, as a share of the unpruned one; keep ratios, or the tokens before the decoder, are fitted so that no method costs more than TransPrune. Methods that cannot be so cheap are left out; the harshest cost is that of the methods which the figure shows.',
    `Of the methods that prune in the decoder, ${list(Object.keys(ownSchedules))} prune at the layers of their papers, scaled to this depth; ${list(sameSchedule)} borrow the prunes of TransPrune. With *positions kept*, TransPrune leaves tokens at the positions of the whole prompt, as FastV does; its authors' code counts them anew. *fastv* scores by the attention of the layer after the prune, FastV's own code by that of the layer before it: at the same depth and FLOPs the one here knows a layer more, so that is no reason for it to be the weaker one.`,
    ...[...all].flatMap(([setting, results]) => [
      `**At the cost of ${setting.name}**`,
      criterion(setting, whole, results, questions),
      comparisonTable(results, questions, kinds),
      keptTable(whole, results, questions, needDetail),
    ]),
  );
  return { unpruned: whole, main, all, markdown };
}

const list = (names: readonly string[]) =>
  [names.slice(0, -1).join(', '), ...names.slice(-1)].filter(Boolean).join(' and ');

/** Shares of the kinds, beside those of the whole held-out set. */
function mixOf({ questions, heldOut }: Study): string {
  const of = (among: readonly StudyQuestion[], kind: string) =>
    percent(among.filter((question) => question.kind === kind).length / among.length);
  const shares = heldOut.kinds.map(
    (kind) => `${kind} ${of(questions, kind)} % (${of(heldOut.questions, kind)})`,
  );
  return `${shares.join(', ')}; in brackets the share among all held-out questions`;
}

/** Questions that need the picture, in full. */
function detailed(
  questions: readonly StudyQuestion[],
  ...[whole, blind, coarse]: [Result, Result, Result]
): StudyQuestion[] {
  return questions.filter((question) => {
    const [seen, unseen, blurred] = [whole, blind, coarse].map(
      (result) => answersTo(result, [question])[0] === 1,
    );
    return seen && !unseen && !blurred;
  });
}

function keptTable(
  whole: Result,
  results: readonly Result[],
  questions: readonly StudyQuestion[],
  needDetail: readonly StudyQuestion[],
): string {
  return table(
    ['', 'of the unpruned accuracy, %', 'detail needed, right, %'],
    results.map((result) => [
      result.name,
      withInterval(keptOf(result, whole, questions)),
      withInterval(meanOfPoints(answersTo(result, needDetail))),
    ]),
  );
}

/** What was asked of a setting, and whether it holds; then how TransPrune stands to the others. */
function criterion(
  { name }: Setting,
  whole: Result,
  results: readonly Result[],
  questions: readonly StudyQuestion[],
): string {
  const [own, ...others] = results;
  if (!own) return '';
  const kept = keptOf(own, whole, questions);
  const least = wanted[name];
  const aim =
    least === undefined
      ? ''
      : `; ${percent(least, 0)} % is the aim, which is ${reached(kept, least)}`;
  const standing = (['better', 'worse', 'not told apart'] as const).flatMap((word) => {
    const those = others.filter((other) => verdict(own, other, questions) === word);
    const named = those.map((other) => `${other.family} ${points(gain(own, other, questions))}`);
    return named.length === 0 ? [] : [`${headings[word]} ${named.join(', ')}`];
  });
  return [
    `TransPrune-${name} keeps ${withInterval(kept)} % of the unpruned accuracy${aim}.`,
    standing.length === 0 ? '' : `In points, ${standing.join('; ')}.`,
    singleMasks(results, questions),
  ]
    .filter(Boolean)
    .join(' ');
}

const headings = {
  better: 'it is better than',
  worse: 'it is worse than',
  'not told apart': 'it is not told apart from',
} as const;

function reached({ value, low, high }: Estimate, least: number): string {
  if (value >= least) return low < least ? 'reached, but not by all of the interval' : 'reached';
  return high >= least ? '**not reached**, but by some of the interval' : '**not reached**';
}
