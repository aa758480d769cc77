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
