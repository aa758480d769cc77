/** Part 1: right answers of every method at the cost of High, Low and a harsher setting. */

import { share } from '@transprune/eval';
import { percent, section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result, type Study } from '../study.js';
import { unpruned } from '../variants/costs.js';
import { mainMethods, methodsAt, type Setting } from '../variants/methods.js';
import { comparisonTable, keptOf, resultOf, verdict } from './comparison.js';

/** What later parts take from this one. */
export interface Accuracies {
  readonly unpruned: Result;
  /** Main methods at High and Low, at all questions; TransPrune is the first of each. */
  readonly main: ReadonlyMap<Setting, readonly Result[]>;
  /** Every method at every setting, at the sample. */
  readonly all: ReadonlyMap<Setting, readonly Result[]>;
  readonly markdown: string;
}

/** Shares of the unpruned accuracy that the settings are held against. */
const wanted: Readonly<Record<string, number>> = { High: 0.99, Low: 0.97 };

export async function studyAccuracy(study: Study): Promise<Accuracies> {
  const { questions, sample, heldOut, settings, costing } = study;
  const side = Math.round(heldOut.set.imageSize / 4);
  const ask = (name: string, shown?: 'blank' | { side: number }) =>
    resultOf(study, { name, plan: unpruned, ...(shown && { shown }) }, questions);
  const whole = await ask('unpruned');
  const blind = await ask('blind: a grey picture', 'blank');
  const coarse = await ask(`low resolution: ${side} x ${side} pixels`, { side });
  const main = new Map<Setting, Result[]>();
  const all = new Map<Setting, Result[]>();
  for (const setting of settings) {
    const methods = methodsAt(costing, heldOut.set.imageSize, setting);
    const results = [];
    for (const variant of methods) {
      const isMain = setting.name in wanted && mainMethods.includes(variant.family ?? '');
      const result = await resultOf(study, variant, isMain ? questions : sample);
      results.push(result);
      if (isMain) main.set(setting, [...(main.get(setting) ?? []), result]);
    }
    all.set(setting, results);
  }
  const { kinds } = heldOut;
  const needDetail = detailed(questions, whole, blind, coarse);
  const markdown = section(
    'Right answers',
    `${questions.length} held-out questions about ${new Set(questions.map(({ scene }) => scene)).size} pictures. Without a picture, and with few pixels, some are answered all the same:`,
    comparisonTable([whole, blind, coarse], questions, kinds),
    `${needDetail.length} questions need detail: the unpruned model answers them right with the picture, and wrong both blind and at low resolution. They are told apart as *detail needed* below; there the unpruned model is right by definition. The decoder has seen sequences of all lengths, or what shortens them would be at a disadvantage ([what changed with training](../training/README.md#why-a-fourth-stage)).`,
    ...[...main].flatMap(([setting, results]) => [
      `**At the cost of ${setting.name}**, all questions:`,
      comparisonTable(results, questions, kinds),
      keptTable(whole, results, questions, needDetail),
      criterion(setting, whole, results, questions),
    ]),
    `**Every method**, at a sample of ${sample.length} questions, kinds in equal parts. The cost is that of a prompt from the image features on, as a share of the unpruned one; keep ratios, or the tokens before the decoder, are fitted so that no method costs more than TransPrune. Methods that cannot be so cheap are left out.`,
    ...[...all].flatMap(([setting, results]) => [
      `At the cost of ${setting.name}:`,
      comparisonTable(results, sample, kinds),
    ]),
  );
  return { unpruned: whole, main, all, markdown };
}

/** Questions that need the picture, in full. */
function detailed(
  questions: readonly StudyQuestion[],
  whole: Result,
  blind: Result,
  coarse: Result,
): StudyQuestion[] {
  return questions.filter(
    ({ id }) => whole.right.get(id) && !blind.right.get(id) && !coarse.right.get(id),
  );
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
      percent(keptOf(result, whole, questions)),
      withInterval(share(answersTo(result, needDetail))),
    ]),
  );
}

/** What was asked of a setting, and whether it holds. */
function criterion(
  { name }: Setting,
  whole: Result,
  results: readonly Result[],
  questions: readonly StudyQuestion[],
): string {
  const [own, ...others] = results;
  const least = wanted[name] ?? 0;
  if (!own) return '';
  const kept = keptOf(own, whole, questions);
  const against = others.map((other) => `${other.family}: ${verdict(own, other, questions)}`);
  return `TransPrune-${name} keeps ${percent(kept)} % of the unpruned accuracy; ${percent(least, 0)} % is the aim, which is ${kept >= least ? 'reached' : '**not reached**'}. Against ${against.join('; ')}.`;
}
