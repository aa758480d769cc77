import { RawImage } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { ImageSource, Pixels } from '../frontend.js';
import { pixelsFault } from '../pixels.js';

/**
 * Reads an image as RGB. In Node any format that sharp knows; in a browser any that it shows.
 *
 * @throws TransPruneError NOT_FOUND if there is no such file or address, INVALID_IMAGE if it is none
 */
export async function readImage(source: ImageSource): Promise<RawImage> {
  const name = describe(source);
  let image: RawImage;
  try {
    image = await read(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (isMissing(cause, reason) || isUnreachable(source, reason)) {
      throw new TransPruneError(
        'NOT_FOUND',
        isUnreachable(source, reason)
          ? `there is no image that can be reached at ${name} (${reason}); check the address and the network`
          : `there is no image at ${name}; check the path`,
        { image: plainName(source) },
        { cause },
      );
    }
    throw new TransPruneError(
      'INVALID_IMAGE',
      `expected ${name} to be an image such as PNG, JPEG or WebP, got something that does not decode as one (${reason})`,
      { image: plainName(source), reason },
      { cause },
    );
  }
  return toRgb(image);
}

/**
 * Reads an image as pixels in RGB.
 *
 * @throws TransPruneError NOT_FOUND if there is no such file or address, INVALID_IMAGE if it is none
 */
export async function loadImage(source: ImageSource): Promise<Pixels> {
  const { data, width, height } = await readImage(source);
  return { data, width, height, channels: 3 };
}

async function read(source: ImageSource): Promise<RawImage> {
  if (isPixels(source)) {
    const { data, width, height, channels } = source;
    const fault = pixelsFault(source);
    if (fault !== undefined) throw new Error(fault);
    return new RawImage(Uint8ClampedArray.from(data), width, height, channels);
  }
  if (source instanceof Uint8Array) return RawImage.fromBlob(new Blob([Uint8Array.from(source)]));
  if (source instanceof Blob) return RawImage.fromBlob(source);
  if (isDataUrl(source)) {
    const response = await fetch(source);
    return RawImage.fromBlob(await response.blob());
  }
  return RawImage.fromURL(pathOfFileUrl(source) ?? source);
}

/** transformers.js takes the path of a file URL with its escapes. */
function pathOfFileUrl(source: string | URL): string | undefined {
  if (!String(source).startsWith('file:')) return undefined;
  const path = decodeURIComponent(new URL(source).pathname);
  return path.replace(/^\/(?=[A-Za-z]:)/, '');
}

/** transformers.js knows no picture of grey and alpha; alpha is dropped, as it does itself. */
function toRgb(image: RawImage): RawImage {
  if (image.channels !== 2) return image.clone().rgb();
  const grey = Uint8ClampedArray.from(
    { length: image.width * image.height },
    (_, i) => image.data[2 * i] ?? 0,
  );
  return new RawImage(grey, image.width, image.height, 1).rgb();
}

function isPixels(source: ImageSource): source is Pixels {
  return typeof source === 'object' && 'channels' in source;
}

function isDataUrl(source: string | URL): boolean {
  return String(source).startsWith('data:');
}

function isMissing(cause: unknown, reason: string): boolean {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOENT' || /^Unable to read image from .* \(404 /.test(reason);
}

/** In the words of Node, Chromium, Firefox and Safari. */
function isUnreachable(source: ImageSource, reason: string): boolean {
  if (!(typeof source === 'string' || source instanceof URL) || isDataUrl(source)) return false;
  return /^(fetch failed|Failed to fetch|NetworkError when|Load failed)/.test(reason);
}

/** For an error's data: what `describe` says, a path or an address without quotes. */
function plainName(source: ImageSource): string {
  const isName = (typeof source === 'string' || source instanceof URL) && !isDataUrl(source);
  return isName ? String(source) : describe(source);
}

function describe(source: ImageSource): string {
  if (typeof source === 'string' || source instanceof URL) {
    return isDataUrl(source) ? 'the data URL' : `"${source}"`;
  }
  if (isPixels(source)) return `the ${source.width} x ${source.height} pixels`;
  return `the ${source instanceof Blob ? source.size : source.length} bytes`;
}
