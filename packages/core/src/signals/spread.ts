/**
 * An order in which any first few of an image's patches lie evenly spread over it: `frac(a * column + b * row)`, a
 * rank-1 lattice with the irrational steps of the R2 sequence (Martin Roberts, "The unreasonable effectiveness of
 * quasirandom sequences", 2018). The image is taken for a square.
 */

/** The steps along a row and down a column: powers of the inverse of the plastic number. */
export const spreadSteps = { column: 0.7548776662466927, row: 0.5698402909980532 } as const;

/**
 * The place of each patch in that order, in the steps of float32, so that all readings give the same numbers.
 *
 * @param imageTokens patches of the square; it has `round(sqrt(imageTokens))` columns
 * @returns `[imageTokens]`, in [0, 1)
 */
export function spreadOrder(imageTokens: number): Float32Array {
  const columns = Math.max(1, Math.round(Math.sqrt(imageTokens)));
  const [along, down] = [Math.fround(spreadSteps.column), Math.fround(spreadSteps.row)];
  return Float32Array.from({ length: imageTokens }, (_, at) => {
    const [x, y] = [along * (at % columns), down * Math.floor(at / columns)].map(Math.fround);
    const place = Math.fround((x ?? 0) + (y ?? 0));
    return place - Math.floor(place);
  });
}

/**
 * The order of each token of a prompt; 0 at text. Several images are one to it.
 *
 * @param imageMask not 0 at image tokens
 */
export function spreadOverImage(imageMask: readonly number[]): Float32Array {
  const order = spreadOrder(imageMask.filter((span) => span !== 0).length);
  let at = 0;
  return Float32Array.from(imageMask, (span) => (span === 0 ? 0 : (order[at++] ?? 0)));
}
