import type { HostTensor } from '@transprune/session';

/**
 * Numbers the images among tokens: 0 at text, 1 at the first image's tokens, 2 at the second's, and so
 * on, anew in each row.
 *
 * Image tokens in a row are one image, unless `perImage` says how many tokens each takes: then another
 * begins where that many are reached. Without it, images that follow each other with no text between
 * them count as one. Where a model sets pieces of an image apart by tokens of its own, such as the rows
 * and tiles of SmolVLM, each piece counts as an image.
 *
 * @param ids int64 `[batch, tokens]`
 * @param imageToken id of the image token
 * @param perImage tokens that every image takes, if that is known
 * @returns int64 `[batch, tokens]`
 */
export function numberImages(
  { data, dims }: HostTensor<'int64'>,
  imageToken: number,
  perImage = Number.POSITIVE_INFINITY,
): HostTensor<'int64'> {
  const wanted = BigInt(imageToken);
  const rowLength = dims.at(-1) ?? 0;
  const numbers = new BigInt64Array(data.length);
  let image = 0n;
  let length = 0;
  data.forEach((id, at) => {
    const isRowStart = at % rowLength === 0;
    if (isRowStart) image = 0n;
    if (id !== wanted) {
      length = 0;
      return;
    }
    if (isRowStart || length === 0 || length === perImage) {
      image++;
      length = 0;
    }
    length++;
    numbers[at] = image;
  });
  return { type: 'int64', dims, data: numbers };
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
  const tokens = features.slice(0, -1).reduce((product, size) => product * size, 1);
  return images > 0 && tokens % images === 0 ? tokens / images : undefined;
}
