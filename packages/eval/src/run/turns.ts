/** Several answerers, asked the same questions in turns: what one is timed at, the others are timed at too. */
import type { Problem, Question } from '../benchmark.js';
import type { Answerer } from './answerer.js';
import { AnswersFile, answeredBefore, type FiledAnswer } from './answers-file.js';
import { askInto } from './ask-into.js';

/** One that is asked, and where its answers are kept. */
export interface Entrant {
  readonly answerer: Answerer;
  readonly answersPath: string;
  /** Is asked the first questions alone; all if left out. */
  readonly limit?: number | undefined;
}

export interface TurnsOptions {
  readonly signal: AbortSignal;
  /** Told before the first answer and after each, also of one that failed. */
  readonly onProgress?: ((progress: TurnsProgress) => void) | undefined;
}

export interface TurnsProgress {
  /** Answers that this run was to get, and those that it has, failed ones too. */
  readonly open: number;
  readonly done: number;
  readonly failures: readonly Problem[];
}

export interface TurnsResult {
  /** Of each entrant, by question. */
  readonly answers: readonly ReadonlyMap<string, FiledAnswer>[];
  /** Questions whose answer failed, of any entrant; they stay open. */
  readonly failures: readonly Problem[];
}

/**
 * Asks each question of every entrant that has no answer to it yet, one at a time, and writes each answer down at once.
 * Who comes first changes from question to question.
 *
 * @throws the signal's reason if it is aborted, and as `answeredBefore` does
 */
export async function runInTurns(
  questions: readonly Question[],
  entrants: readonly Entrant[],
  { signal, onProgress }: TurnsOptions,
): Promise<TurnsResult> {
  const answers: Map<string, FiledAnswer>[] = [];
  for (const entrant of entrants) answers.push(await answeredBefore(questions, entrant));
  const isOpen = (question: Question, at: number, who: number) =>
    at < (entrants[who]?.limit ?? Number.POSITIVE_INFINITY) && !answers[who]?.has(question.id);
  const turns = questions.flatMap((question, at) =>
    entrants
      .map((_, place) => (place + at) % entrants.length)
      .filter((who) => isOpen(question, at, who))
      .map((who) => ({ question, who })),
  );
  const failures: Problem[] = [];
  let done = 0;
  const report = () => onProgress?.({ open: turns.length, done, failures });
  const files: AnswersFile[] = [];
  try {
    for (const { answersPath } of entrants) files.push(await AnswersFile.open(answersPath));
    report();
    for (const { question, who } of turns) {
      signal.throwIfAborted();
      const [entrant, file] = [entrants[who], files[who]];
      if (!entrant || !file) continue;
      const line = await askInto(file, entrant.answerer, question, { signal, failures });
      if (line) answers[who]?.set(question.id, line);
      done++;
      report();
    }
  } finally {
    for (const file of files) await file.close();
  }
  return { answers, failures };
}
