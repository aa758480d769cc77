import type { Answer } from './answer.js';

/**
 * Waits for an answer's first token, so that what is wrong with a request becomes the status of its reply, and
 * not an event in a stream.
 *
 * @returns the answer, with the parts that follow
 * @throws whatever the answer fails with up to there
 */
export async function begun(answer: Answer): Promise<Answer> {
  await answer.parts.next();
  return answer;
}
