/** Asks the questions of a benchmark that have no answer yet. */
import { TransPruneError } from '@transprune/core';
import type { OpenBenchmark, Problem } from '../benchmark.js';
import type { Answerer } from './answerer.js';
import { AnswersFile, answeredBefore } from './answers-file.js';
import { askInto } from './ask-into.js';
import { type Shard, shardOf } from './shard.js';

export interface RunOptions {
  readonly answerer: Answerer;
  /** The file of answers: those in it are not asked again. */
  readonly answersPath: string;
  /** Asks no more than the first ones of the shard. */
  readonly limit?: number | undefined;
  readonly shard?: Shard | undefined;
  /** Questions asked at once; 1 if left out. */
  readonly concurrency?: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: RunProgress) => void) | undefined;
}

export interface RunProgress {
  /** With those of earlier runs. */
  readonly answered: number;
  readonly questions: number;
  /** Answered by this run. */
  readonly now: number;
  /** Those of this run so far. */
  readonly failures: readonly Problem[];
}

export interface RunResult {
  /** All of the file's answers, by question. */
  readonly answers: ReadonlyMap<string, string>;
  /** Questions that were to be asked. */
  readonly questions: number;
  /** Questions whose answer failed; they stay open. */
  readonly failures: readonly Problem[];
}

/**
 * Asks, and writes each answer down at once. A question whose answer fails stays open and is told among the
 * failures; the others go on.
 *
 * @throws the signal's reason if it is aborted; TransPruneError INVALID_ARGUMENT for a file that holds something
 *   else, answers of another model or to other questions; WRITE_FAILED if another run writes to it
 */
export async function runBenchmark(
  { questions }: Pick<OpenBenchmark, 'questions'>,
  { answerer, answersPath, limit, shard, concurrency = 1, signal, onProgress }: RunOptions,
): Promise<RunResult> {
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `concurrency must be a whole number from 1 on, got ${concurrency}`,
    );
  }
  const known = await answeredBefore(questions, { answerer, answersPath });
  const answers = new Map([...known].map(([id, { text }]) => [id, text]));
  const wanted = shardOf(questions, shard).slice(0, limit);
  const before = wanted.filter(({ id }) => answers.has(id)).length;
  const open = wanted.filter(({ id }) => !answers.has(id));
  const failures: Problem[] = [];
  const file = await AnswersFile.open(answersPath);
  let now = 0;
  const report = () =>
    onProgress?.({ answered: before + now, questions: wanted.length, now, failures });
  const work = open.values();
  const askOn = async () => {
    for (const question of work) {
      signal.throwIfAborted();
      const line = await askInto(file, answerer, question, { signal, failures });
      if (line) {
        answers.set(question.id, line.text);
        now++;
      }
      report();
    }
  };
  report();
  try {
    const ends = await Promise.allSettled(Array.from({ length: concurrency }, askOn));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    await file.close();
  }
  return { answers, questions: wanted.length, failures };
}
