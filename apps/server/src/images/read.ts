/** Pictures of requests, from their addresses to pixels. */
import type { Pixels } from '@transprune/vlm';
import { badRequest } from '../api/errors.js';
import type { Limits } from '../limits/limits.js';
import { dataUrlBytes } from './data-url.js';
import type { ImageDecoder } from './decoder.js';
import type { RemoteImages } from './remote.js';

/** Characters of an address. */
const longestUrl = 4096;

/** A picture of a request. */
export interface ImageUrl {
  readonly url: string;
  /** Where it stands in the request, for messages. */
  readonly param: string;
}

export interface ImageSources {
  readonly remote: RemoteImages;
  readonly decoder: ImageDecoder;
  readonly limits: Pick<Limits, 'requestPixels'>;
}

/**
 * Reads the pictures of a request. They are decoded one after the other, so that those of another request come
 * in between, and none is decoded that the request has no pixels left for.
 *
 * @throws ApiError 400, TransPruneError INVALID_IMAGE, or what the signal was aborted with
 */
export async function readImages(
  images: readonly ImageUrl[],
  { remote, decoder, limits: { requestPixels } }: ImageSources,
  signal: AbortSignal,
): Promise<readonly Pixels[]> {
  const files = await Promise.all(
    images.map(async ({ url, param }) => ({
      param,
      bytes: /^data:/i.test(url)
        ? dataUrlBytes(url, param)
        : await remote.fetch(parsed(url, param), param, signal),
    })),
  );
  const read: Pixels[] = [];
  let left = requestPixels;
  for (const { bytes, param } of files) {
    const pixels = await decoder.decode(bytes, { param, left, signal });
    left -= pixels.width * pixels.height;
    read.push(pixels);
  }
  return read;
}

function parsed(url: string, param: string): URL {
  if (url.length <= longestUrl && URL.canParse(url)) return new URL(url);
  throw badRequest(
    'invalid_image_url',
    `expected a data: or https: URL of at most ${longestUrl} characters`,
    param,
  );
}
