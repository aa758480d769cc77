/** How image tokens lie on a picture. */
import { TransPruneError } from '@transprune/core';
import type { PictureLayout } from '@transprune/flops';
import type { Grid } from '@transprune/trace';

/** How much a patch may be wider than high, or higher than wide, on the picture. */
const mostStretch = 1.5;

/**
 * Columns and rows of image tokens, in one piece and row by row.
 *
 * @param layout how the model cuts pictures; undefined if it is not known
 * @throws TransPruneError UNSUPPORTED_MODEL for tokens of several tiles, and for a number of them that no grid has
 */
export function gridOf(
  imageTokens: number,
  { width, height }: { readonly width: number; readonly height: number },
  layout: PictureLayout | undefined,
): Grid {
  const side = Math.round(Math.sqrt(imageTokens));
  const isSquare = side * side === imageTokens;
  const square = { columns: side, rows: side };
  if (layout?.kind === 'tiles') {
    if (imageTokens === layout.tokens && isSquare) return square;
    throw unsupported(
      `${imageTokens} in tiles of ${layout.tokens}; tiles are not laid out yet, so take a picture that is one tile`,
    );
  }
  if (layout === undefined && isSquare) return square;
  const stretch = ({ columns, rows }: Grid) =>
    Math.abs(Math.log((columns / rows) * (height / width)));
  const grids = Array.from({ length: imageTokens }, (_, at) => at + 1)
    .filter((columns) => imageTokens % columns === 0)
    .map((columns) => ({ columns, rows: imageTokens / columns }));
  const [nearest] = grids.sort((a, b) => stretch(a) - stretch(b));
  if (nearest && stretch(nearest) <= Math.log(mostStretch)) return nearest;
  throw unsupported(`${imageTokens} for ${width} x ${height} pixels, which fit no grid of patches`);
}

function unsupported(found: string): TransPruneError {
  return new TransPruneError(
    'UNSUPPORTED_MODEL',
    `expected image tokens that lie row by row over the picture, got ${found}`,
  );
}
