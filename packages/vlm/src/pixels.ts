import type { Pixels } from './frontend.js';

/** What is wrong with pixels in memory; undefined if nothing is. */
export function pixelsFault({ data, width, height, channels }: Pixels): string | undefined {
  if (![1, 2, 3, 4].includes(channels)) return `pixels of ${channels} channels, not 1 to 4`;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    return 'data that are no Uint8Array or Uint8ClampedArray';
  }
  const isSize = (size: number) => Number.isSafeInteger(size) && size > 0;
  if (isSize(width) && isSize(height) && data.length === width * height * channels) return;
  return `${data.length} bytes for ${width} x ${height} pixels of ${channels} channels`;
}
