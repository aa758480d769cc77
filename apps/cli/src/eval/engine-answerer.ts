/** A model in this process that answers a benchmark's questions. */
import type { Answerer } from '@transprune/eval';
import type { Engine } from '@transprune/vlm';

/**
 * Asks an engine, always for the likeliest answer.
 *
 * @param name noted beside each answer: the model and how it is pruned
 * @param maxNewTokens tokens of an answer at most
 */
export async function engineAnswerer(
  name: string,
  engine: Engine,
  maxNewTokens: number,
): Promise<Answerer> {
  const { collect, loadImage } = await import('@transprune/vlm');
  return {
    name,
    async answer({ prompt, picture }, signal) {
      const images = picture
        ? [await loadImage('path' in picture ? picture.path : picture.bytes)]
        : [];
      const { text, finishReason, usage, timings } = await collect(
        engine.generate({ question: prompt, images, maxNewTokens, signal }),
      );
      // What was cut off is no answer.
      signal.throwIfAborted();
      return { text, metadata: { finishReason, ...usage, ...timings } };
    },
  };
}
