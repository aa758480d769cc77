/** Pictures of requests, from their addresses to pixels. */
import type { Pixels } from '@transprune/vlm';
import { badRequest } from '../api/errors.js';
import { dataUrlBytes } from './data-url.js';
import type { ImageDecoder } from './decoder.js';
import type { RemoteImages } from './remote.js';

/** A picture of a request. */
export interface ImageUrl {
  readonly url: string;
  /** Where it stands in the request, for messages. */
  readonly param: string;
}

/**
 * Reads a picture.
 *
 * @throws ApiError 400, TransPruneError INVALID_IMAGE, or what the signal was aborted with
 */
export async function readImage(
  { url, param }: ImageUrl,
  sources: { readonly remote: RemoteImages; readonly decoder: ImageDecoder },
  signal: AbortSignal,
): Promise<Pixels> {
  const bytes = /^data:/i.test(url)
    ? dataUrlBytes(url, param)
    : await sources.remote.fetch(parsed(url, param), param, signal);
  signal.throwIfAborted();
  return sources.decoder.decode(bytes, param);
}

function parsed(url: string, param: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw badRequest('invalid_image_url', 'expected a data: or https: URL', param);
}
