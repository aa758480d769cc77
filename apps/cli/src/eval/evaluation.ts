/** What a run of a benchmark came to, as a document that a report is drawn from. */
import {
  type FiledAnswer,
  type GroupScore,
  meanOfPoints,
  type OpenBenchmark,
  pointMetrics,
  pointsByQuestion,
  share,
} from '@transprune/eval';
import type { Evaluation, EvaluationScore, EvaluationTimes, Interval } from '@transprune/report';
import type { EvalReport } from '../show/eval.js';
import type { Respondent } from './respondent.js';

/** Wrong answers that a report shows. */
const mostShown = 50;

export interface EvaluationSource {
  readonly report: EvalReport;
  readonly summary: string;
  readonly opened: OpenBenchmark;
  readonly respondent: Respondent;
  readonly conditions: Evaluation['conditions'];
  /** By question; those of other questions do not count. */
  readonly lines: ReadonlyMap<string, FiledAnswer>;
}

export function evaluationOf({
  report,
  summary,
  opened,
  respondent,
  conditions,
  lines,
}: EvaluationSource): Evaluation {
  const { benchmark, questions, answered, score, failures, problems } = report;
  const { unreadable, withoutTruth, incomplete } = score;
  const { model, pruned } = respondent;
  const answers = new Map([...lines].map(([id, { text }]) => [id, text]));
  const points = opened.pointsOf ? pointsByQuestion(opened, answers) : undefined;
  const asked = opened.questions.flatMap(({ id }) => lines.get(id) ?? []);
  return {
    ...{ format: 'transprune-evaluation', version: 1, benchmark, summary, model, conditions },
    plan: pruned?.label,
    counts: { questions, answered, unreadable, withoutTruth, incomplete },
    all: scoreOf('all', score, points && intervalOfPoints([...points.values()])),
    groups: Object.entries(score.groups).map(([name, group]) => scoreOf(name, group)),
    pointMetrics,
    times: timesOf(asked),
    imageTokens: imageTokensOf(asked, pruned?.plan.stages ?? []),
    wrong: points && wrongOf(opened, points, answers),
    failures,
    problems,
  };
}

function scoreOf(
  name: string,
  { questions, metrics }: GroupScore,
  accuracy = intervalOfShare(questions, metrics.accuracy),
): EvaluationScore {
  return { name, questions, metrics, accuracy };
}

const intervalOfPoints = (points: readonly number[]): Interval | null =>
  points.length === 0 ? null : meanOfPoints(points);

/** Where answers may be right in part, as those of VQA, the interval is wider than it has to be. */
function intervalOfShare(questions: number, accuracy: number | undefined): Interval | null {
  if (questions === 0 || accuracy === undefined) return null;
  const right = Math.round(accuracy * questions);
  const { low, high } = share(Array.from({ length: questions }, (_, at) => at < right));
  return { value: accuracy, low: Math.min(low, accuracy), high: Math.max(high, accuracy) };
}

function wrongOf(
  opened: OpenBenchmark,
  points: ReadonlyMap<string, number>,
  answers: ReadonlyMap<string, string>,
): NonNullable<Evaluation['wrong']> {
  const wrong = opened.questions.filter(({ id }) => points.get(id) === 0);
  const first = wrong.slice(0, mostShown).map(({ id, prompt }) => ({
    ...{ id, question: prompt },
    right: opened.rightOf?.(id)?.join(', or '),
    given: answers.get(id) ?? '',
  }));
  return { count: wrong.length, first };
}

const parts = {
  preprocessMs: 'preparing the picture and the prompt',
  visionMs: 'vision encoder, of pictures that are new',
  prefillMs: 'prefill',
  decodeMs: 'decoding',
} as const;
const partNames = Object.keys(parts) as (keyof typeof parts)[];

/** Undefined if no answer tells them. */
function timesOf(lines: readonly FiledAnswer[]): EvaluationTimes | undefined {
  const timed = lines.flatMap(({ metadata = {} }) => {
    const times = partNames.map((name) => Number(metadata[name]));
    return times.every((time) => time >= 0 && time < Number.POSITIVE_INFINITY)
      ? [{ times, isSeen: metadata.visionCached === true || metadata.imageTokens === 0 }]
      : [];
  });
  if (timed.length === 0) return undefined;
  return {
    answersMs: timed.map(({ times }) => times.reduce((sum, time) => sum + time, 0)),
    parts: partNames.flatMap((name, at) => {
      const counting = name === 'visionMs' ? timed.filter(({ isSeen }) => !isSeen) : timed;
      const spread = spreadOf(counting.map(({ times }) => times[at] ?? 0));
      return spread ? [{ name: parts[name], medianMs: spread.median }] : [];
    }),
  };
}

/** Undefined if no answer tells them, or no picture was asked about. */
function imageTokensOf(
  lines: readonly FiledAnswer[],
  stages: readonly { readonly afterLayer: number }[],
): Evaluation['imageTokens'] {
  const counts = lines.flatMap(({ metadata = {} }) => {
    const { imageTokens, keptImageTokens } = metadata;
    if (!Array.isArray(keptImageTokens) || keptImageTokens.length !== stages.length) return [];
    const each = [imageTokens, ...keptImageTokens].map(Number);
    return each[0] !== 0 && each.every((count) => count >= 0) ? [each] : [];
  });
  const names = ['at the start', ...stages.map(({ afterLayer }) => `after layer ${afterLayer}`)];
  const spreads = names.flatMap((stage, at) => {
    const spread = spreadOf(counts.map((each) => each[at] ?? 0));
    return spread ? [{ stage, ...spread }] : [];
  });
  return spreads.length > 0 ? spreads : undefined;
}

function spreadOf(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (least === undefined || median === undefined || most === undefined) return undefined;
  return { median, least, most };
}
