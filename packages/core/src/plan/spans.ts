/** Which tokens of a prompt are which image, and which of them a prune kept. */
import { elementCount } from '../algebra/ndarray.js';

/**
 * Numbers the images among tokens: 0 at text, 1 at the first image's tokens, 2 at the second's, and so on.
 *
 * Image tokens in a row are one image, unless `perImage` says how many tokens each takes: then another
 * begins where that many are reached. Without it, images that follow each other with no text between
 * them count as one. Where a model sets pieces of an image apart by tokens of its own, such as the rows
 * and tiles of SmolVLM, each piece counts as an image.
 *
 * @param ids of one prompt
 * @param imageToken id of the image token
 * @param perImage tokens that every image takes, if that is known
 */
export function numberImages(
  ids: readonly number[],
  imageToken: number,
  perImage = Number.POSITIVE_INFINITY,
): number[] {
  let image = 0;
  let length = 0;
  return ids.map((id) => {
    if (id !== imageToken) {
      length = 0;
      return 0;
    }
    if (length === 0 || length === perImage) {
      image++;
      length = 0;
    }
    length++;
    return image;
  });
}

/**
 * Tokens that each image takes, from what the vision encoder was fed and gave; undefined where images
 * may differ, as with grids of patches.
 *
 * @param pixels dims of `pixel_values`; those of images of one size are `[images, channels, height, width]`
 * @param features dims of the features, `[..., hidden]`
 */
export function tokensPerImage(
  pixels: readonly number[] | undefined,
  features: readonly number[] | undefined,
): number | undefined {
  if (pixels?.length !== 4 || !features) return undefined;
  const [images = 0] = pixels;
  const tokens = elementCount(features.slice(0, -1));
  return images > 0 && tokens % images === 0 ? tokens / images : undefined;
}

/** What a prune left of one prompt. */
export interface KeptTokens {
  /** Positions in the prompt, ascending. */
  readonly kept: readonly number[];
  /** The image tokens among them, counted from 0 over all image tokens of the prompt. */
  readonly keptImageTokens: readonly number[];
}

/**
 * Reads what a prune kept of a prompt.
 *
 * @param positions of the survivors; graphs for batches fill up shorter rows with -1
 * @param images for each token the number of its image, 0 at text
 */
export function keptTokens(
  positions: ArrayLike<number | bigint>,
  images: readonly number[],
): KeptTokens {
  const imageIndex = new Map<number, number>();
  images.forEach((image, position) => {
    if (image !== 0) imageIndex.set(position, imageIndex.size);
  });
  const kept = Array.from(positions, Number).filter((position) => position >= 0);
  return { kept, keptImageTokens: kept.flatMap((position) => imageIndex.get(position) ?? []) };
}
