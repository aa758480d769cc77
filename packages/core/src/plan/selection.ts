/**
 * Which tokens a stage keeps.
 *
 * Source: the authors' code: the `floor(ratio * image tokens at the start)` best image tokens, in
 * their original order; text always stays. Of equal scores the earlier token wins.
 */

/** Image tokens left behind a stage, of `imageTokens` at the start. */
export function keptImageTokens(keepRatio: number, imageTokens: number): number {
  return Math.floor(keepRatio * imageTokens);
}

/**
 * Positions that survive, ascending.
 *
 * @param scores `[tokens]`
 * @param imageMask `[tokens]`, not 0 at image tokens
 * @param keptImages how many image tokens stay
 */
export function selectTokens(
  scores: ArrayLike<number>,
  imageMask: ArrayLike<number>,
  keptImages: number,
): number[] {
  const positions = Array.from({ length: imageMask.length }, (_, i) => i);
  const isImage = (i: number) => imageMask[i] !== 0;
  const ranked = positions
    .filter(isImage)
    .sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const kept = new Set(ranked.slice(0, keptImages));
  return positions.filter((i) => !isImage(i) || kept.has(i));
}
