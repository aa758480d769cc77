/** Asks the questions of a benchmark, and tells how far it is. */
import type { Answerer, OpenBenchmark, RunOptions, RunProgress, RunResult } from '@transprune/eval';
import type { Surroundings } from '../model/find.js';
import { timeLeft } from '../show/time-left.js';
import { patienceWith } from './patience.js';

/**
 * @throws TransPruneError RUN_FAILED if nothing answers, and as `runBenchmark` does
 */
export async function askAll(
  benchmark: OpenBenchmark,
  answerer: Answerer,
  options: Pick<RunOptions, 'answersPath' | 'limit' | 'shard' | 'concurrency'>,
  { io, terminal }: Surroundings,
): Promise<RunResult> {
  const { runBenchmark } = await import('@transprune/eval');
  const patience = patienceWith(answerer.name);
  const signal = AbortSignal.any([io.signal, patience.signal]);
  const start = performance.now();
  let isFirst = true;
  const onProgress = ({ answered, questions, now, failures }: RunProgress) => {
    const open = questions - answered + now;
    const done = now + failures.length;
    if (isFirst && answered > 0) terminal.info(`${answered} of ${questions} were answered before`);
    isFirst = false;
    terminal.progress(
      done < open ? timeLeft('question', done, open, start, performance.now()) : '',
    );
    patience.watch({ open, answered: now, before: answered - now }, failures);
  };
  try {
    const result = await runBenchmark(benchmark, { ...options, answerer, signal, onProgress });
    signal.throwIfAborted();
    return result;
  } finally {
    terminal.progress('');
  }
}
