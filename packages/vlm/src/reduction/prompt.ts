/** A prompt whose pictures take fewer tokens. */
import { numberImages, type Reduction, reducedTokens, TransPruneError } from '@transprune/core';

/**
 * Leaves out what a reduction drops of each picture.
 *
 * @param ids with as many image tokens as the encoder makes
 * @param images pictures in the prompt, at least one
 * @throws TransPruneError UNSUPPORTED_MODEL if a picture's tokens do not stand in one piece, or pictures have
 *   different numbers of them
 */
export function withReducedImages(
  ids: readonly number[],
  imageToken: number,
  images: number,
  reduction: Reduction,
): number[] {
  const tokens = ids.filter((id) => id === imageToken).length / images;
  const kept = Number.isInteger(tokens) ? reducedTokens(reduction, tokens) : 0;
  const numbers = numberImages(ids, imageToken, tokens);
  const pieces = Math.max(0, ...numbers);
  if (kept === 0 || pieces !== images) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected each picture as one piece of image tokens, all of one size, to reduce them, got ${pieces} pieces for ${images}; leave the reduction out`,
      { field: 'reduction', images, pieces },
    );
  }
  const seen = new Array<number>(images + 1).fill(0);
  return ids.filter((_, at) => {
    const image = numbers[at] ?? 0;
    const count = seen[image] ?? 0;
    seen[image] = count + 1;
    return image === 0 || count < kept;
  });
}
