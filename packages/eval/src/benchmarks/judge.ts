/** Judges answers whose truth is known by question. */
import type { OpenBenchmark, Question } from '../benchmark.js';
import type { Folder } from '../reading/folder.js';
import { accuracyOf, type Judged } from '../scoring/tally.js';

/** What a benchmark that judges each question by itself knows of it. */
export interface Judging<Q extends Question, T> {
  readonly questions: readonly Q[];
  readonly truthOf: (question: Q) => T | undefined;
  readonly judge: (answer: string, truth: T, question: Q) => Judged;
  /** What may be answered. */
  readonly wordsOf: (truth: T) => readonly string[];
}

/** The mean of points over what was asked and answered, the points of each answer, and what is right. */
export function judging<Q extends Question, T>({
  questions,
  truthOf,
  judge,
  wordsOf,
}: Judging<Q, T>): Required<Pick<OpenBenchmark, 'score' | 'pointsOf' | 'rightOf'>> {
  const byId = new Map(questions.map((question) => [question.id, question]));
  return {
    score(answers) {
      const { judged, withoutTruth } = judgeEach(questions, answers, truthOf, judge);
      return accuracyOf(judged, withoutTruth);
    },
    pointsOf(id, answer) {
      const question = byId.get(id);
      if (!question) return undefined;
      const truth = truthOf(question);
      return truth === undefined ? undefined : judge(answer, truth, question).points;
    },
    rightOf(id) {
      const question = byId.get(id);
      const truth = question && truthOf(question);
      return truth === undefined ? undefined : wordsOf(truth);
    },
  };
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

/**
 * Notes if the truth of most questions is not known: most of what is answered would not count.
 *
 * @param path where truths are looked for
 */
export function noteUnknown<Q extends Question>(
  folder: Folder,
  path: string,
  questions: readonly Q[],
  truthOf: (question: Q) => unknown,
): void {
  const known = questions.filter((question) => truthOf(question) !== undefined).length;
  if (known * 2 >= questions.length) return;
  folder.note(
    path,
    `expected right answers to the questions, got those to ${known} of ${questions.length}; the others do not count. Take files that belong together`,
  );
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
