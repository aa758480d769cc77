/** A model in this process that answers a benchmark's questions. */
import type { Answerer } from '@transprune/eval';
import type { Engine } from '@transprune/vlm';

export interface EngineAnswererOptions {
  /** Noted beside each answer: the model and how it is pruned. */
  readonly name: string;
  /** Tokens of an answer at most. */
  readonly maxNewTokens: number;
  /** For decoders that take them as an input; those of the decoder's plan if left out. */
  readonly keepRatios?: readonly number[] | undefined;
}

/** Asks an engine, always for the likeliest answer. */
export async function engineAnswerer(
  engine: Engine,
  { name, maxNewTokens, keepRatios }: EngineAnswererOptions,
): Promise<Answerer> {
  const { collect, loadImage } = await import('@transprune/vlm');
  return {
    name,
    async answer({ prompt, picture }, signal) {
      const images = picture
        ? [await loadImage('path' in picture ? picture.path : picture.bytes)]
        : [];
      const chosen = { maxNewTokens, ...(keepRatios && { keepRatios }) };
      const { text, finishReason, usage, timings, visionCached } = await collect(
        engine.generate({ question: prompt, images, ...chosen, signal }),
      );
      // What was cut off is no answer.
      signal.throwIfAborted();
      return { text, metadata: { finishReason, visionCached, ...usage, ...timings } };
    },
  };
}
