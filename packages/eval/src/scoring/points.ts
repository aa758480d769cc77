/** What each answer is worth, so that answers of two can be compared question by question. */
import { TransPruneError } from '@transprune/core';
import type { OpenBenchmark } from '../benchmark.js';

/**
 * Points of each answered question, from 0 to 1; those without a known truth have none.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a benchmark that does not judge each question by itself
 */
export function pointsByQuestion(
  { questions, pointsOf }: Pick<OpenBenchmark, 'questions' | 'pointsOf'>,
  answers: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  if (!pointsOf) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected a benchmark that judges each question by itself, got one that judges them in groups',
    );
  }
  const points = new Map<string, number>();
  for (const { id } of questions) {
    const answer = answers.get(id);
    const worth = answer === undefined ? undefined : pointsOf(id, answer);
    if (worth !== undefined) points.set(id, worth);
  }
  return points;
}
