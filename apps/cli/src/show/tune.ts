/** What `tune` found, in words. */
import { counted } from '@transprune/core';
import type { Estimate } from '@transprune/eval';
import type { Candidate, TunedSchedule, TuneReport } from '../tune/document.js';
import { paid } from '../tune/recommend.js';
import { isUnpruned } from '../tune/schedules.js';
import { shownProblems } from './eval.js';
import { type Block, type Grid, table } from './table.js';
import { milliseconds, percent } from './units.js';

export function showTune(report: TuneReport): Block[] {
  const { model, source, device, compared, questions, withoutTruth, answers } = report;
  const { problems, failures, leftOut } = report;
  const counts = [
    ['questions to ask', `${questions}`],
    ['  compared: answered by all, the truth known', `${compared}`],
    ['  without a known truth, which do not count', `${withoutTruth}`],
    ['answers that failed, and stay open', `${failures.length}`],
    ['problems in the questions', `${problems.length}`],
  ];
  return [
    `${source}: ${model} on ${device}`,
    tuneGrid(report),
    intervalNote,
    table([], counts),
    recommendation(report),
    `Answers: ${answers}`,
    ...leftOut.map((what) => `Left out: ${what}`),
    ...shownProblems('Failed', failures),
    ...shownProblems('Problems', problems),
  ];
}

export const intervalNote =
  'In brackets: 95 % confidence intervals over questions, differences paired. *: no other is cheaper and as right.';

/** A row a schedule, the cheapest last; behind them those without a time, where it is by time. */
export function tuneGrid({ schedules, aim }: TuneReport): Grid {
  const head = [
    '',
    'prompt FLOPs',
    'answer',
    "of the unpruned's, %",
    'right, %',
    'against unpruned',
    '',
  ];
  const of = (schedule: TunedSchedule) => paid(schedule, aim) ?? 0;
  const rows = schedules
    .toSorted((a, b) => of(b) - of(a))
    .map(({ name, cost, time, answerMs, accuracy, difference, isOnFront }) => [
      name,
      percent(cost),
      answerMs === null ? unknown : milliseconds(answerMs),
      bracketed(time),
      bracketed(accuracy),
      bracketed(difference),
      isOnFront ? '*' : '',
    ]);
  return table(head, rows);
}

/** What was not measured. */
const unknown = '-';

/** In percent, or in points of it; what is so by definition without an interval. */
function bracketed(estimate: Estimate | null): string {
  if (!estimate) return unknown;
  const { value, low, high } = estimate;
  const [middle, from, to] = [value, low, high].map((share) => (100 * share).toFixed(1));
  if (from === to && middle !== undefined) return middle;
  return `${middle} [${from}, ${to}]`;
}

/** Which plan to use, and what speaks for it and against. */
export function recommendation(report: TuneReport): string {
  const { candidate, schedules, aim } = report;
  const chosen = schedules.find(({ name }) => name === candidate?.name);
  if (!candidate || !chosen) return 'No question could be compared: nothing is recommended.';
  const untimed = choicesOf(schedules).filter((schedule) => paid(schedule, aim) === null).length;
  const notes =
    untimed === 0
      ? []
      : [
          `Of ${counted(untimed, 'plan')} no question that is timed was answered: no choice by time. --timed with more questions, or --by flops, compares all.`,
        ];
  return [
    ...(isUnpruned(chosen)
      ? unprunedLines(report, candidate, untimed)
      : prunedLines(report, candidate, chosen)),
    ...notes,
    ...littleToLose(schedules),
  ].join('\n');
}

const choicesOf = (schedules: readonly TunedSchedule[]) =>
  schedules.filter((each) => !isUnpruned(each) && !each.isBaseline);

const allowedOf = ({ tolerance }: TuneReport) => `${(100 * tolerance).toFixed(1)} points`;

/** Why none that prunes is recommended: none is cheaper, or those that are lose more. */
function unprunedLines(report: TuneReport, { random }: Candidate, untimed: number): string[] {
  const { schedules, aim } = report;
  const allowed = allowedOf(report);
  const choices = choicesOf(schedules);
  const cheaper = aim === 'time' ? 'faster' : 'cheaper';
  const hasCheaper = choices.some((schedule) => (paid(schedule, aim) ?? 1) < 1);
  const reason = hasCheaper
    ? ` Every plan that ${untimed > 0 ? 'was timed and ' : ''}is ${cheaper} loses more than ${allowed} here.`
    : ` No plan${untimed > 0 ? ' that was timed' : ''} is ${cheaper} here.`;
  return [
    `Recommended: unpruned.${untimed === choices.length ? '' : reason}`,
    ...(random === null
      ? []
      : [
          `${random} is ${cheaper} and loses no more than ${allowed}, but is a baseline that chooses by chance: it is not recommended.`,
        ]),
  ];
}

/** How good a plan is, as far as the questions tell. */
function prunedLines(
  report: TuneReport,
  { options, isCertain, random }: Candidate,
  { name, difference, time, cost }: TunedSchedule,
): string[] {
  const { aim, compared, recommended, fewestQuestions, heldOut } = report;
  const allowed = allowedOf(report);
  const gain =
    aim === 'time'
      ? `${bracketed(time)} % of the unpruned's time`
      : `${percent(cost)} of the unpruned prompt's FLOPs`;
  const found = `${name}, ${bracketed(difference)} points of right answers against the unpruned, for ${gain}: ${options}`;
  const chance =
    random === null
      ? []
      : [
          `${random} is as right at these questions: nothing shows that choosing tokens by their score gains anything here.`,
        ];
  if (!recommended) {
    const needed =
      fewestQuestions === null
        ? 'No number of questions shows that nothing is lost'
        : `${counted(compared, 'question')} cannot show that no more than ${allowed} are lost, which takes ${fewestQuestions} at least`;
    return [
      `${needed}: no plan is recommended.`,
      `The cheapest that lost no more than ${allowed} here, chance aside: ${found}`,
      ...chance,
    ];
  }
  return [
    `Recommended: ${found}`,
    `It was chosen by the same questions, which flatters it. Chosen by two thirds of them and judged by the rest, in turns: ${bracketed(heldOut)} points. That more than ${allowed} are lost is ${isCertain ? 'ruled out' : 'not ruled out; more questions would tell'}.`,
    ...chance,
  ];
}

/** Share of right answers below which losing some tells nothing. */
const fewestRight = 0.05;

/** A warning where the unpruned is hardly ever right. */
function littleToLose(schedules: readonly TunedSchedule[]): string[] {
  const accuracy = schedules.find(isUnpruned)?.accuracy?.value ?? 1;
  if (accuracy >= fewestRight) return [];
  return [
    `The unpruned model is right at ${percent(accuracy)} of the questions: there is next to nothing to lose, and differences tell nothing. Check that the model fits the questions and that their answers are worded as it words them.`,
  ];
}
