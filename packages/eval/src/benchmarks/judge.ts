/** Judges answers whose truth is known by question. */
import type { Question, Score } from '../benchmark.js';
import { accuracyOf, type Judged } from '../scoring/tally.js';

/** Judges what was asked and answered; what has no truth is counted apart. */
export function judgeAll<Q extends Question, T>(
  questions: readonly Q[],
  answers: ReadonlyMap<string, string>,
  truthOf: (question: Q) => T | undefined,
  judge: (answer: string, truth: T, question: Q) => Judged,
): Score {
  const judged: Judged[] = [];
  let withoutTruth = 0;
  for (const question of questions) {
    const answer = answers.get(question.id);
    if (answer === undefined) continue;
    const truth = truthOf(question);
    if (truth === undefined) withoutTruth++;
    else judged.push(judge(answer, truth, question));
  }
  return accuracyOf(judged, withoutTruth);
}

/** One JSON text a line. */
export const jsonLines = (entries: readonly unknown[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

/** What a benchmark makes of each question with an answer. */
export function eachAnswered<Q extends Question, T>(
  questions: readonly Q[],
  answers: ReadonlyMap<string, string>,
  entryOf: (question: Q, answer: string) => T,
): T[] {
  return questions.flatMap((question) => {
    const answer = answers.get(question.id);
    return answer === undefined ? [] : [entryOf(question, answer)];
  });
}
