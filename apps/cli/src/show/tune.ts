/** What `tune` found, in words. */
import { counted } from '@transprune/core';
import type { Estimate } from '@transprune/eval';
import type { TunedSchedule, TuneReport } from '../tune/document.js';
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

/** A row a schedule, the cheapest last. */
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
  const of = ({ time, cost }: TunedSchedule) => (aim === 'time' ? time.value : cost);
  const rows = schedules
    .toSorted((a, b) => of(b) - of(a))
    .map(({ name, cost, time, answerMs, accuracy, difference, isOnFront }) => [
      name,
      percent(cost),
      milliseconds(answerMs),
      bracketed(time),
      bracketed(accuracy),
      bracketed(difference),
      isOnFront ? '*' : '',
    ]);
  return table(head, rows);
}

/** In percent, or in points of it; what is so by definition without an interval. */
function bracketed({ value, low, high }: Estimate): string {
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
  if (chosen.plan.stages.length === 0) {
    return `Recommended: unpruned. Every plan that is ${aim === 'time' ? 'faster' : 'cheaper'} loses more than ${allowed} here.`;
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
  ].join('\n');
}
