import type { AnswerPart } from './answer.js';

/**
 * Waits for an answer's first token, so that what is wrong with a request becomes the status of its reply, and
 * not an event in a stream.
 *
 * @returns the parts that follow
 * @throws whatever the answer fails with up to there
 */
export async function begun(
  parts: AsyncGenerator<AnswerPart, void>,
): Promise<AsyncGenerator<AnswerPart, void>> {
  await parts.next();
  return parts;
}
