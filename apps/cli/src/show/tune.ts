/** What `tune` found, in words. */
import { counted } from '@transprune/core';
import type { Estimate } from '@transprune/eval';
import type { TunedSchedule, TuneReport } from '../tune/document.js';
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
export function recommendation({
  recommended,
  schedules,
  tolerance,
  aim,
  compared,
}: TuneReport): string {
  const chosen = schedules.find(({ name }) => name === recommended?.name);
  if (!recommended || !chosen) return 'No question could be compared: nothing is recommended.';
  const allowed = `${(100 * tolerance).toFixed(1)} points`;
  const choices = schedules.filter((each) => !isUnpruned(each) && !each.isBaseline);
  const untimed = choices.filter((schedule) => paid(schedule, aim) === null).length;
  const notes =
    untimed === 0
      ? []
      : [
          `Of ${counted(untimed, 'plan')} no question that is timed was answered: no choice by time. --timed with more questions, or --by flops, compares all.`,
        ];
  if (isUnpruned(chosen)) {
    const others = untimed > 0 ? 'Every other plan that was timed and' : 'Every plan that';
    const reason = `${others} is ${aim === 'time' ? 'faster' : 'cheaper'} loses more than ${allowed} here.`;
    const isAlone = untimed === choices.length;
    return [`Recommended: unpruned.${isAlone ? '' : ` ${reason}`}`, ...notes].join('\n');
  }
  const { name, difference, time, cost } = chosen;
  const gain =
    aim === 'time'
      ? `${bracketed(time)} % of the unpruned's time`
      : `${percent(cost)} of the unpruned prompt's FLOPs`;
  return [
    `Recommended: ${name}, ${bracketed(difference)} points of right answers against the unpruned, for ${gain}: ${recommended.options}`,
    recommended.isCertain
      ? `That it loses more than ${allowed} is ruled out by ${counted(compared, 'question')}.`
      : `That it loses more than ${allowed} is not ruled out by ${counted(compared, 'question')}; more of them would tell.`,
    ...(recommended.random === null
      ? []
      : [
          `${recommended.random} is as right at these questions: nothing shows that choosing tokens by their score gains anything here.`,
        ]),
    ...notes,
  ].join('\n');
}
