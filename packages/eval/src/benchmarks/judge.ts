/** Judges answers whose truth is known by question. */
import type { Question, Score } from '../benchmark.js';
import { accuracyOf, type Judged } from '../scoring/tally.js';

/** The mean of points over what was asked and answered. */
export function judgeAll<Q extends Question, T>(
  questions: readonly Q[],
  answers: ReadonlyMap<string, string>,
  truthOf: (question: Q) => T | undefined,
  judge: (answer: string, truth: T, question: Q) => Judged,
): Score {
  const { judged, withoutTruth } = judgeEach(questions, answers, truthOf, judge);
  return accuracyOf(judged, withoutTruth);
}

/** Judges what was asked and answered; what has no truth is counted apart. */
export function judgeEach<Q extends Question, T, Verdict>(
  questions: readonly Q[],
  answers: ReadonlyMap<string, string>,
  truthOf: (question: Q) => T | undefined,
  judge: (answer: string, truth: T, question: Q) => Verdict,
): { readonly judged: readonly Verdict[]; readonly withoutTruth: number } {
  const judged: Verdict[] = [];
  let withoutTruth = 0;
  for (const question of questions) {
    const answer = answers.get(question.id);
    if (answer === undefined) continue;
    const truth = truthOf(question);
    if (truth === undefined) withoutTruth++;
    else judged.push(judge(answer, truth, question));
  }
  return { judged, withoutTruth };
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
