/** What each answer is worth, so that answers of two can be compared question by question. */
import { TransPruneError } from '@transprune/core';
import type { OpenBenchmark } from '../benchmark.js';

/**
 * Points of each answered question, from 0 to 1; those without a known truth have none.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a benchmark that does not judge each question by itself
 */
export function pointsByQuestion(
  { questions, score }: Pick<OpenBenchmark, 'questions' | 'score'>,
  answers: ReadonlyMap<string, string>,
): ReadonlyMap<string, number> {
  const points = new Map<string, number>();
  for (const { id } of questions) {
    const answer = answers.get(id);
    if (answer === undefined) continue;
    const { questions: judged, withoutTruth, metrics } = score(new Map([[id, answer]]));
    if (withoutTruth > 0) continue;
    const { accuracy } = metrics;
    if (judged !== 1 || accuracy === undefined) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        'expected a benchmark that judges each question by itself, got one that judges them in groups',
      );
    }
    points.set(id, accuracy);
  }
  return points;
}
