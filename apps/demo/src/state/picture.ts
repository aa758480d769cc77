/** A picture as the model reads it: a square of few pixels, whatever it was before. */
import type { Pixels } from '@transprune/vlm';
import { imageSize } from './samples.js';

export interface Picture {
  /** Of a sample, or of the user's file. */
  readonly name: string;
  readonly isSample: boolean;
  /** The pixels that the model reads. */
  readonly image: ImageData;
  /** The same as a `data:` URL. */
  readonly url: string;
}

/** Largest file that is read, so that a phone does not run out of memory. */
const mostBytes = 64 * 2 ** 20;

/**
 * Reads a picture.
 *
 * @throws Error in words for the user, for what is no picture that this browser shows
 */
export async function readPicture(source: Blob, name: string, isSample = false): Promise<Picture> {
  if (source.size > mostBytes) {
    throw new Error(`${name} has more than 64 MB; choose a smaller picture`);
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(source, { colorSpaceConversion: 'none' });
  } catch {
    throw new Error(`${name} is no picture that this browser can show; PNG, JPEG and WebP are`);
  }
  const canvas = squareCanvas();
  const context = contextOf(canvas);
  // The model reads colours alone: what is transparent would be black.
  context.fillStyle = 'white';
  context.fillRect(0, 0, imageSize, imageSize);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, imageSize, imageSize);
  bitmap.close();
  const image = context.getImageData(0, 0, imageSize, imageSize);
  return { name, isSample, image, url: canvas.toDataURL('image/png') };
}

/** What is left of a picture that had only `size` pixels a side, enlarged again. */
export function withLessDetail({ image }: Picture, size: number): ImageData {
  if (size >= imageSize) return image;
  const full = squareCanvas();
  contextOf(full).putImageData(image, 0, 0);
  const small = document.createElement('canvas');
  small.width = size;
  small.height = size;
  const smallContext = contextOf(small);
  smallContext.imageSmoothingQuality = 'high';
  smallContext.drawImage(full, 0, 0, size, size);
  const context = contextOf(full);
  context.imageSmoothingQuality = 'high';
  context.drawImage(small, 0, 0, imageSize, imageSize);
  return context.getImageData(0, 0, imageSize, imageSize);
}

export function pixelsOf({ data, width, height }: ImageData): Pixels {
  return { data, width, height, channels: 4 };
}

function squareCanvas(): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = imageSize;
  canvas.height = imageSize;
  return canvas;
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser has no canvas to draw on');
  return context;
}
