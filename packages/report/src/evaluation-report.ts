/** A benchmark's scores, as a page and as figures. */
import * as Plot from '@observablehq/plot';
import type { Evaluation, EvaluationProblem, EvaluationScore } from './evaluation.js';
import { colors, draw, type Figure } from './figure.js';
import type { Page, PageTable } from './page.js';

/** All that an evaluation tells, as a page. */
export function evaluationPage(evaluation: Evaluation): Page {
  const { benchmark, model, failures, problems } = evaluation;
  return {
    title: `${benchmark}: ${model}`,
    lead: lead(evaluation),
    tables: [askedTable(evaluation), scoresTable(evaluation), ...timesTable(evaluation)],
    figures: evaluationFigures(evaluation),
    appendix: [
      ...wrongTable(evaluation),
      ...problemsTable('Failed, and still open', failures),
      ...problemsTable("Problems in the benchmark's files", problems),
    ],
  };
}

/** The figures of an evaluation that it has numbers for, the most telling first. */
export function evaluationFigures(evaluation: Evaluation): Figure[] {
  const { all, groups, imageTokens, times } = evaluation;
  const hasScores = [all, ...groups].some(({ accuracy }) => accuracy);
  return [
    ...(hasScores ? [scoresFigure(evaluation)] : []),
    ...(imageTokens && imageTokens.length > 1 ? [imageTokensFigure(imageTokens)] : []),
    ...(times ? [timesFigure(times.answersMs)] : []),
  ];
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const milliseconds = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/** The most characters of a name in a figure. */
const longestName = 32;

/** As a figure has room for it, without what an SVG may not hold. */
function shortened(name: string): string {
  const characters = [...name.replace(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, ' ')];
  if (characters.length <= longestName) return characters.join('');
  return `${characters.slice(0, longestName - 1).join('')}…`;
}

/** Rows of a figure, one a name: two of one name are two. */
function rowsOf(names: readonly string[]) {
  const shown = names.map(shortened);
  const longest = Math.max(0, ...shown.map((name) => name.length));
  return {
    marginLeft: 24 + 7.5 * longest,
    marginTop: 8,
    marginBottom: 44,
    height: 52 + 26 * names.length,
    y: {
      type: 'band' as const,
      label: null,
      domain: names.map((_, at) => at),
      tickFormat: (at: number) => shown[at] ?? '',
      tickSize: 0,
    },
  };
}

/** What stands to the right of each row. */
const labelsBeside = (rows: readonly { readonly row: number; readonly label: string }[]) =>
  Plot.text(rows, { y: 'row', frameAnchor: 'right', textAnchor: 'start', text: 'label', dx: 12 });

/** The most groups that a figure shows. */
const mostGroups = 60;

/** Right answers in all and of each group, with their intervals; a plot without dots where none counts. */
export function scoresFigure({ all, groups }: Evaluation): Figure {
  const bySize = groups.toSorted((a, b) => b.questions - a.questions);
  const largest = new Set(bySize.slice(0, mostGroups));
  const scores = [all, ...groups.filter((group) => largest.has(group))];
  const part = groups.length > mostGroups ? `the ${mostGroups} largest groups` : 'each group';
  const known = scores.flatMap(({ accuracy, questions }, row) =>
    accuracy ? [{ ...accuracy, row, label: `${percent(accuracy.value)} of ${questions}` }] : [],
  );
  const svg = draw({
    width: 720,
    marginRight: 132,
    ...rowsOf(scores.map(({ name }) => name)),
    x: {
      label: 'right answers',
      labelAnchor: 'center',
      labelArrow: 'none',
      domain: [0, 1],
      grid: true,
      tickFormat: (share: number) => `${Math.round(100 * share)} %`,
    },
    marks: [
      Plot.ruleY(known, {
        y: 'row',
        x1: 'low',
        x2: 'high',
        stroke: colors.kept,
        strokeWidth: 4,
        strokeOpacity: 0.35,
      }),
      Plot.dot(known, { y: 'row', x: 'value', fill: colors.kept, r: 4 }),
      labelsBeside(known),
    ],
  });
  return {
    name: 'scores',
    title: 'Right answers',
    caption: `Of all questions that count, and of ${part}. Bars are 95 % confidence intervals.`,
    svg,
  };
}

function imageTokensFigure(stages: NonNullable<Evaluation['imageTokens']>): Figure {
  const [first] = stages;
  const rows = stages.map((stage, row) => {
    const share = first && first.median > 0 ? `, ${percent(stage.median / first.median)}` : '';
    return { ...stage, row, label: `${stage.median}${share}` };
  });
  const svg = draw({
    width: 720,
    marginRight: 132,
    ...rowsOf(stages.map(({ stage }) => stage)),
    x: {
      label: 'image tokens',
      labelAnchor: 'center',
      labelArrow: 'none',
      domain: [0, Math.max(1, ...stages.map(({ most }) => most))],
      grid: true,
    },
    marks: [
      Plot.barX(rows, { y: 'row', x: 'median', fill: colors.kept, insetTop: 4, insetBottom: 4 }),
      Plot.ruleY(rows, { y: 'row', x1: 'least', x2: 'most', stroke: colors.dropped }),
      labelsBeside(rows),
    ],
  });
  return {
    name: 'image-tokens',
    title: 'Image tokens',
    caption:
      'How many are left after each prune: medians over the questions with a picture. Lines reach from the fewest to the most.',
    svg,
  };
}

function timesFigure(answersMs: readonly number[]): Figure {
  const bars: Plot.BinXInputs<Plot.RectYOptions> = {
    x: (time: number) => time,
    fill: colors.kept,
    thresholds: 32,
  };
  const svg = draw({
    width: 560,
    height: 220,
    marginLeft: 48,
    marginBottom: 44,
    x: { label: 'time of an answer, ms', labelAnchor: 'center', labelArrow: 'none' },
    y: { label: 'questions', grid: true },
    marks: [Plot.rectY(answersMs, Plot.binX({ y: 'count' }, bars)), Plot.ruleY([0])],
  });
  return {
    name: 'times',
    title: 'Times',
    caption: 'How many questions were answered in which time, from the picture to the last token.',
    svg,
  };
}

function lead({ all, pointMetrics }: Evaluation): string {
  const { accuracy, questions, metrics } = all;
  if (questions === 0) return 'No answer counts.';
  if (accuracy) {
    return `${percent(accuracy.value)} of ${questions} answers that count are right; the 95 % confidence interval reaches from ${percent(accuracy.low)} to ${percent(accuracy.high)}.`;
  }
  const shown = Object.entries(metrics).map(
    ([name, value]) => `${name} ${metric(name, value, pointMetrics)}`,
  );
  return `Of ${questions} answers that count: ${shown.join(', ')}.`;
}

function metric(name: string, value: number | undefined, points: readonly string[]): string {
  if (value === undefined) return '';
  return points.includes(name) ? value.toFixed(1) : percent(value);
}

function askedTable(evaluation: Evaluation): PageTable {
  const { benchmark, summary, model, plan, conditions, counts, failures, problems } = evaluation;
  const { incomplete } = counts;
  return {
    title: 'What was asked',
    head: [],
    isText: true,
    rows: [
      ['benchmark', `${benchmark}: ${summary}`],
      ['model', model],
      ...(plan === undefined ? [] : [['plan', plan]]),
      ...conditions.map(({ name, value }) => [name, value]),
      ['questions to ask', `${counts.questions}`],
      ['answers', `${counts.answered}`],
      ['unreadable answers, which count as wrong', `${counts.unreadable}`],
      ['answers without a known truth, which do not count', `${counts.withoutTruth}`],
      ...(incomplete === undefined
        ? []
        : [['pairs or turns not answered in full, which do not count', `${incomplete}`]]),
      ['questions that failed, and stay open', `${failures.length}`],
      ["problems in the benchmark's files", `${problems.length}`],
    ],
  };
}

function scoresTable({ all, groups, pointMetrics }: Evaluation): PageTable {
  const scores = [all, ...groups];
  const metrics = [...new Set(scores.flatMap(({ metrics }) => Object.keys(metrics)))];
  const interval = ({ accuracy }: EvaluationScore) =>
    accuracy ? `${percent(accuracy.low)} to ${percent(accuracy.high)}` : '';
  return {
    title: 'Scores',
    head: ['', 'questions', ...metrics, '95 % interval of accuracy'],
    rows: scores.map((score) => [
      score.name,
      `${score.questions}`,
      ...metrics.map((name) => metric(name, score.metrics[name], pointMetrics)),
      interval(score),
    ]),
  };
}

function timesTable({ times }: Evaluation): PageTable[] {
  if (!times) return [];
  const rows = times.parts.map(({ name, medianMs }) => [name, milliseconds(medianMs)]);
  return [{ title: 'Time of an answer', head: ['', 'median'], rows }];
}

function wrongTable({ wrong }: Evaluation): PageTable[] {
  if (!wrong || wrong.count === 0) return [];
  const { count, first } = wrong;
  return [
    {
      title: `Answered wrongly: ${first.length < count ? `the first ${first.length} of ${count}` : count}`,
      head: ['', 'question', 'right answer', 'given answer'],
      isText: true,
      rows: first.map(({ id, question, right = '', given }) => [id, question, right, given]),
    },
  ];
}

/** Rows that a page shows of a list. */
const shownRows = 50;

function problemsTable(title: string, problems: readonly EvaluationProblem[]): PageTable[] {
  const { length } = problems;
  if (length === 0) return [];
  const rows = problems.slice(0, shownRows).map(({ where, what }) => [where, what]);
  const part = length > rows.length ? `: the first ${rows.length} of ${length}` : '';
  return [{ title: `${title}${part}`, head: [], isText: true, rows }];
}
