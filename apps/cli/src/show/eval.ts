/** Scores of a benchmark, and what it needs. */
import type { Benchmark, GroupScore, Problem, Score } from '@transprune/eval';
import { type Block, type Grid, table } from './table.js';
import { percent } from './units.js';

/** What a run of a benchmark came to. */
export interface EvalReport {
  readonly benchmark: string;
  /** Whose answers they are. */
  readonly model: string;
  readonly answers: string;
  /** Questions that were to be asked. */
  readonly questions: number;
  /** Answers in the file, of other runs too: what is scored. */
  readonly answered: number;
  readonly score: Score;
  /** In the benchmark's files, and what the official ones lack of the answers. */
  readonly problems: readonly Problem[];
  /** Questions whose answer failed; they stay open. */
  readonly failures: readonly Problem[];
  /** Files for the benchmark's own scorer. */
  readonly official: readonly string[];
}

/** @param points metrics that are no shares */
export function showScores(report: EvalReport, points: readonly string[]): Block[] {
  const { benchmark, model, questions, answered, score, problems, failures, official } = report;
  const counts = [
    ['questions to ask', `${questions}`],
    ['answers in the file', `${answered}`],
    ['  unreadable, which count as wrong', `${score.unreadable}`],
    ['  without a known truth, which do not count', `${score.withoutTruth}`],
    ...(score.incomplete === undefined
      ? []
      : [['  pairs or turns not answered in full, which do not count', `${score.incomplete}`]]),
    ['questions that failed, and stay open', `${failures.length}`],
    ["problems in the benchmark's files", `${problems.length}`],
  ];
  return [
    `${benchmark}: ${model}`,
    scoreGrid(score, points),
    table([], counts),
    ...shownProblems('Failed', failures),
    ...shownProblems('Problems', problems),
    ...(official.length > 0 ? [`For the benchmark's own scorer: ${official.join(', ')}`] : []),
  ];
}

function scoreGrid(score: Score, points: readonly string[]): Grid {
  const groups = Object.entries(score.groups);
  const rows: (readonly [string, GroupScore])[] = [...groups, ['all', score]];
  const metrics = [...new Set(rows.flatMap(([, { metrics }]) => Object.keys(metrics)))];
  const shown = (name: string, value: number | undefined) => {
    if (value === undefined) return '';
    return points.includes(name) ? value.toFixed(1) : percent(value);
  };
  return table(
    ['', 'questions', ...metrics],
    rows.map(([name, group]) => [
      name,
      `${group.questions}`,
      ...metrics.map((metric) => shown(metric, group.metrics[metric])),
    ]),
  );
}

/** Lines that are shown of a list; `--json` has all. */
const shownLines = 5;

export function shownProblems(title: string, problems: readonly Problem[]): string[] {
  if (problems.length === 0) return [];
  // Several models may fail at one question.
  const told = new Set(problems.map(({ where, what }) => `  ${where}: ${what}`));
  const lines = [...told].slice(0, shownLines);
  const more = told.size - lines.length;
  return [`${title}:`, ...lines, ...(more > 0 ? [`  and ${more} more (--json)`] : [])];
}

/** Benchmarks, and the files that each reads. */
export function showBenchmarks(benchmarks: readonly Benchmark[]): Block[] {
  return benchmarks.flatMap(({ name, summary, source, files }) => [
    `${name}: ${summary} (${source})`,
    ...files.map((file) => `  ${file}`),
  ]);
}
