/** Numbers as colours, on the perceptual scale viridis. */
import type { Grid } from '@transprune/trace';

/**
 * Points of viridis, evenly spaced.
 *
 * Source: matplotlib's colormap by N. Smith and S. van der Walt, in the public domain (CC0).
 */
const viridis = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 73, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [110, 206, 88],
  [181, 222, 43],
  [253, 231, 37],
] as const;

/** Red, green and blue of a share from 0 to 1. */
export function heatColor(share: number): readonly [number, number, number] {
  const at = Math.min(1, Math.max(0, share)) * (viridis.length - 1);
  const from = viridis[Math.floor(at)] ?? viridis[0];
  const to = viridis[Math.ceil(at)] ?? from;
  const mixed = (channel: 0 | 1 | 2) =>
    Math.round(from[channel] + (to[channel] - from[channel]) * (at - Math.floor(at)));
  return [mixed(0), mixed(1), mixed(2)];
}

/** Least and largest of the values, without the outermost hundredth on either side. */
export function heatRange(values: readonly number[]): readonly [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return [at(0.01), at(0.99)];
}

/** Draws one pixel a patch; CSS enlarges it. */
export function drawHeatMap(
  canvas: HTMLCanvasElement,
  values: readonly number[],
  [least, largest]: readonly [number, number],
  { columns, rows }: Grid,
): void {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(columns, rows);
  values.forEach((value, at) => {
    const share = (value - least) / Math.max(largest - least, 1e-12);
    image.data.set([...heatColor(share), 255], 4 * at);
  });
  context.putImageData(image, 0, 0);
}
