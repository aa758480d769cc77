/**
 * The picture in fewer pixels, as far as an encoder that takes pictures of one size only allows it: its features,
 * averaged over the cells of a coarser grid (adaptive average pooling). The baseline of VTC-Bench (arXiv 2510.07143),
 * which many methods do not beat; an encoder that takes pictures of any size is given a smaller picture instead.
 */
import { TransPruneError } from '../errors.js';
import { defineReduction, type ReductionSizes } from './method.js';

/** Columns and rows of the grids before and after, both of a square picture. */
interface Grids {
  readonly side: number;
  readonly columns: number;
  readonly rows: number;
}

export const downsample = defineReduction({
  name: 'downsample',
  summary: 'means over the cells of a coarser grid, the honest baseline',
  source: 'baseline',
  needs: [],
  measures: () => [],
  reached(sizes) {
    const { columns, rows } = gridsOf(sizes);
    return columns * rows;
  },
  groups(_, sizes) {
    const { side, columns, rows } = gridsOf(sizes);
    const across = cells(side, columns);
    return cells(side, rows).flatMap((ys) =>
      across.map((xs) => ys.flatMap((y) => xs.map((x) => y * side + x))),
    );
  },
});

/**
 * The grid of the most cells that is nearly as wide as it is high.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for tokens that are no square
 */
function gridsOf({ tokens, kept }: Pick<ReductionSizes, 'tokens' | 'kept'>): Grids {
  const side = Math.round(Math.sqrt(tokens));
  if (side ** 2 !== tokens) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected image tokens in a square to downsample them, got ${tokens}; choose another reduction`,
      { field: 'reduction.method', tokens },
    );
  }
  const rows = Math.floor(Math.sqrt(kept));
  return { side, rows, columns: Math.min(side, Math.floor(kept / rows)) };
}

/** For each of `count` cells the places that it covers; cells share a place where the numbers do not divide. */
function cells(places: number, count: number): number[][] {
  return Array.from({ length: count }, (_, cell) => {
    const from = Math.floor((cell * places) / count);
    const to = Math.ceil(((cell + 1) * places) / count);
    return Array.from({ length: to - from }, (_, at) => from + at);
  });
}
