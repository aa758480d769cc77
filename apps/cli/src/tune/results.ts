/** How right and how fast each schedule was. */
import {
  differenceOfPoints,
  type Estimate,
  type FiledAnswer,
  meanOfPoints,
  medianOf,
  type OpenBenchmark,
  pointsByQuestion,
  type Question,
} from '@transprune/eval';
import type { Answers, Measured } from './measure.js';
import type { Schedule } from './schedules.js';

export interface Result {
  readonly schedule: Schedule;
  /** Share of the unpruned prefill's cost, counted. */
  readonly cost: number;
  /** Points at the questions that every schedule answered, from 0 to 1; null if there is none. */
  readonly accuracy: Estimate | null;
  /** The same less the unpruned's, paired by question. */
  readonly difference: Estimate | null;
  /** Share of the unpruned's time, of questions that both answered in turns: the median; null if there is none. */
  readonly time: Estimate | null;
  /** Medians of these, in milliseconds: from the picture to the end of the answer, and the prompt alone. */
  readonly answerMs: number | null;
  readonly prefillMs: number | null;
}

export interface Results {
  readonly results: readonly Result[];
  /** Questions that every schedule answered and whose truth is known: what is compared. */
  readonly compared: number;
  /** Answered questions without a known truth, which do not count. */
  readonly withoutTruth: number;
  /** Of each result at each question that is compared, from 0 to 1. */
  readonly points: readonly (readonly number[])[];
  /** Which of three parts each question that is compared is in; questions of one picture are in one. */
  readonly parts: readonly number[];
}

/**
 * @param measured the unpruned comes first
 * @param costOf share of the unpruned cost
 * @throws TransPruneError INVALID_ARGUMENT as `pointsByQuestion` does
 */
export function resultsOf(
  benchmark: OpenBenchmark,
  measured: readonly Measured[],
  costOf: (schedule: Schedule) => number,
): Results {
  const points = measured.map(({ answers }) =>
    pointsByQuestion(benchmark, new Map([...answers].map(([id, { text }]) => [id, text]))),
  );
  const answered = benchmark.questions.filter(({ id }) =>
    measured.every(({ answers }) => answers.has(id)),
  );
  const compared = answered.filter(({ id }) => points.every((each) => each.has(id)));
  const rows = points.map((each) => compared.map(({ id }) => each.get(id) ?? 0));
  // An encoder whose tokens are reduced takes time of its own.
  const [reduced, whole] = [true, false].map((isReduced) =>
    measured.filter(({ schedule }) => (schedule.reduction !== undefined) === isReduced),
  );
  const answersOf = (some: readonly Measured[] = []) => some.map(({ answers }) => answers);
  const vision = visionTimes([...answersOf(whole), ...measured.map(({ beside }) => beside)]);
  const visionReduced = visionTimes(answersOf(reduced));
  const [unpruned = []] = rows;
  const results = measured.map(({ schedule, answers, beside }, at): Result => {
    const own = rows[at] ?? [];
    const asked = [...beside].flatMap(([id, reference]) => {
      const answer = answers.get(id);
      if (!answer) return [];
      const own = schedule.reduction ? visionReduced : vision;
      const [time, other] = [timesOf(answer, own), timesOf(reference, vision)];
      return time && other ? [{ ...time, share: time.answerMs / other.answerMs }] : [];
    });
    const median = (values: readonly number[]) => known(medianOf(values));
    return {
      schedule,
      cost: costOf(schedule),
      accuracy: known(meanOfPoints(own)),
      difference: at === 0 ? exactly(0) : known(differenceOfPoints(own, unpruned)),
      time: at === 0 ? exactly(1) : median(asked.map(({ share }) => share)),
      answerMs: median(asked.map(({ answerMs }) => answerMs))?.value ?? null,
      prefillMs: median(asked.map(({ prefillMs }) => prefillMs))?.value ?? null,
    };
  });
  return {
    ...{ results, points: rows, parts: partsOf(compared) },
    ...{ compared: compared.length, withoutTruth: answered.length - compared.length },
  };
}

const parts = 3;

/** By turns; of fewer pictures than parts, questions by themselves. */
function partsOf(questions: readonly Question[]): number[] {
  const pictures = questions.map(({ picture }) =>
    picture && 'path' in picture ? picture.path : picture?.bytes,
  );
  const isByPicture = new Set(pictures).size >= parts;
  const keys = questions.map(({ id }, at) => (isByPicture && pictures[at]) || id);
  const places = new Map([...new Set(keys)].map((key, at) => [key, at % parts]));
  return keys.map((key) => places.get(key) ?? 0);
}

/**
 * What is lost at questions that a plan is not chosen by, less the unpruned: at each part, the plan that is chosen by the
 * other parts. Null if they are no basis for it.
 *
 * @param choose as of all results, which have the accuracy and the difference of some questions
 */
export function lossHeldOut(
  { results, points, parts: own }: Results,
  choose: (results: readonly Result[]) => Result | undefined,
): Estimate | null {
  const [unpruned = []] = points;
  const chosen = Array.from({ length: parts }, (_, part) => {
    const isSeen = (_: unknown, at: number) => own[at] !== part;
    const seen = results.map((result, row): Result => {
      const [mine, others] = [points[row]?.filter(isSeen) ?? [], unpruned.filter(isSeen)];
      return {
        ...result,
        accuracy: known(meanOfPoints(mine)),
        difference: row === 0 ? exactly(0) : known(differenceOfPoints(mine, others)),
      };
    });
    const found = choose(seen);
    return found && points[seen.indexOf(found)];
  });
  const judged = own.flatMap((part, at) => chosen[part]?.[at] ?? []);
  if (judged.length < own.length) return null;
  return known(differenceOfPoints(judged, unpruned));
}

const exactly = (value: number): Estimate => ({ value, low: value, high: value });

/** Null where nothing was there to estimate it by. */
const known = (estimate: Estimate) => (Number.isNaN(estimate.value) ? null : estimate);

/** The part of an answer's metadata that tells times. */
interface Times {
  readonly question_id: string;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

/** How long the vision encoder takes for a question: whoever asks first has it run, the others have its features. */
function visionTimes(all: readonly Answers[]): (id: string) => number {
  const known = new Map<string, number>();
  for (const answers of all) {
    for (const [id, { metadata = {} }] of answers) {
      if (metadata.visionCached === false) known.set(id, Number(metadata.visionMs));
    }
  }
  const usual = known.size > 0 ? medianOf([...known.values()]).value : 0;
  return (id) => known.get(id) ?? usual;
}

/** Undefined where the file does not tell them. */
function timesOf({ question_id, metadata = {} }: Times, vision: (id: string) => number) {
  const { preprocessMs, prefillMs, decodeMs, imageTokens } = metadata;
  const parts = [preprocessMs, prefillMs, decodeMs].map(Number);
  const seen = imageTokens === 0 ? 0 : vision(question_id);
  const answerMs = parts.reduce((sum, part) => sum + part, seen);
  return Number.isFinite(answerMs) ? { answerMs, prefillMs: Number(prefillMs) } : undefined;
}

/** The prompts' medians; of none what is usual. */
export function promptTokens(
  answers: readonly FiledAnswer[],
  usual: { readonly imageTokens: number; readonly textTokens: number },
) {
  const median = (name: 'imageTokens' | 'textTokens') => {
    const counts = answers.map(({ metadata }) => Number(metadata?.[name]));
    const { value } = medianOf(counts.filter((count) => count > 0));
    return Number.isNaN(value) ? usual[name] : Math.round(value);
  };
  return { imageTokens: median('imageTokens'), textTokens: median('textTokens') };
}
