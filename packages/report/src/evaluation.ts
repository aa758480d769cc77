/** What a benchmark's questions came to, as a document. */
import { TransPruneError } from '@transprune/core';
import { z } from 'zod';

/** A share with the ends of its 95 % confidence interval, each from 0 to 1. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Scores of a group of questions, or of all. */
export interface EvaluationScore {
  readonly name: string;
  /** Questions that count. */
  readonly questions: number;
  /** Shares from 0 to 1, but for those that are points. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of right answers; null where none counts, or where the score has no such share. */
  readonly accuracy: Interval | null;
}

/** A count over all questions: its median, and its ends. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface EvaluationTimes {
  /** Of each answer, from the picture to the last token, in milliseconds. */
  readonly answersMs: readonly number[];
  /** Medians of the parts of an answer, in milliseconds. */
  readonly parts: readonly { readonly name: string; readonly medianMs: number }[];
}

export interface WrongAnswer {
  readonly id: string;
  readonly question: string;
  /** Left out where the benchmark does not tell it. */
  readonly right?: string | undefined;
  readonly given: string;
}

/** Something that is not as it should be, and where: a file's line, or a question. */
export interface EvaluationProblem {
  readonly where: string;
  readonly what: string;
}

export interface Evaluation {
  readonly format: 'transprune-evaluation';
  readonly version: 1;
  readonly benchmark: string;
  /** What the benchmark measures. */
  readonly summary: string;
  readonly model: string;
  /** How the model is pruned; left out where that is not known, as of a server. */
  readonly plan?: string | undefined;
  /** How it was asked, such as what was shown in place of the pictures. */
  readonly conditions: readonly { readonly name: string; readonly value: string }[];
  readonly counts: {
    /** Questions that were to be asked. */
    readonly questions: number;
    /** Answers that there are, of earlier runs too. */
    readonly answered: number;
    /** Answers that say none of what can be said; they count as wrong. */
    readonly unreadable: number;
    /** Answers whose right answer is not known; they do not count. */
    readonly withoutTruth: number;
    /** What is judged as a whole and was not answered in full; left out where nothing is. */
    readonly incomplete?: number | undefined;
  };
  readonly all: EvaluationScore;
  readonly groups: readonly EvaluationScore[];
  /** Metrics that are points, and no shares. */
  readonly pointMetrics: readonly string[];
  /** Left out where answers do not tell them, as those of a server. */
  readonly times?: EvaluationTimes | undefined;
  /** At the start and after each prune, of questions with a picture; left out where answers do not tell it. */
  readonly imageTokens?: readonly (Spread & { readonly stage: string })[] | undefined;
  /** How many answers have no point, and the first of them; left out where questions are judged in groups. */
  readonly wrong?: { readonly count: number; readonly first: readonly WrongAnswer[] } | undefined;
  /** Questions that were asked in vain, and stay open. */
  readonly failures: readonly EvaluationProblem[];
  /** In the benchmark's files. */
  readonly problems: readonly EvaluationProblem[];
}

const count = z.number().int().min(0);
const share = z.number().min(0).max(1);
const amount = z.number().min(0);
const score = z.object({
  name: z.string(),
  questions: count,
  metrics: z.record(z.string(), z.number()),
  accuracy: z.object({ value: share, low: share, high: share }).nullable(),
});
const problems = z.array(z.object({ where: z.string(), what: z.string() }));
const evaluationSchema = z.object({
  format: z.literal('transprune-evaluation'),
  version: z.literal(1),
  benchmark: z.string(),
  summary: z.string(),
  model: z.string(),
  plan: z.string().optional(),
  conditions: z.array(z.object({ name: z.string(), value: z.string() })),
  counts: z.object({
    questions: count,
    answered: count,
    unreadable: count,
    withoutTruth: count,
    incomplete: count.optional(),
  }),
  all: score,
  groups: z.array(score),
  pointMetrics: z.array(z.string()),
  times: z
    .object({
      answersMs: z.array(amount),
      parts: z.array(z.object({ name: z.string(), medianMs: amount })),
    })
    .optional(),
  imageTokens: z
    .array(z.object({ stage: z.string(), median: amount, least: amount, most: amount }))
    .optional(),
  wrong: z
    .object({
      count,
      first: z.array(
        z.object({
          id: z.string(),
          question: z.string(),
          right: z.string().optional(),
          given: z.string(),
        }),
      ),
    })
    .optional(),
  failures: problems,
  problems,
});

/**
 * Reads an evaluation's JSON.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field, what was expected and what came
 */
export function parseEvaluation(text: string): Evaluation {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`no JSON: ${cause instanceof Error ? cause.message : cause}`, cause);
  }
  const found = evaluationSchema.safeParse(json);
  if (!found.success) throw invalid(z.prettifyError(found.error), found.error);
  return found.data;
}

function invalid(found: string, cause: unknown): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected an evaluation, as transprune eval writes it to a .json file, got: ${found}`,
    {},
    { cause },
  );
}
