import type { OpenBenchmark, Question } from '@transprune/eval';
import { z } from 'zod';

/** Questions of `own` and `embedded` carry what is right. */
const carrying = z.object({ right: z.union([z.string(), z.array(z.string())]) });

/** What questions with a choice are answered with. */
const choices = ['yes', 'no', ...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/** A question's right answer, or of a choice the one that is judged right; undefined where neither tells it. */
export function rightAnswer(
  question: Question,
  { pointsOf }: Pick<OpenBenchmark, 'pointsOf'>,
): string | undefined {
  const { data } = carrying.safeParse(question);
  if (data) return typeof data.right === 'string' ? data.right : data.right.join(', or ');
  return choices.find((choice) => pointsOf?.(question.id, choice) === 1);
}
