/**
 * Who asks, and what they see: the rows of instruction-guided attention.
 *
 * - The instruction asks: the tokens that the caller marked; where none is left that is marked, those after
 *   the last image token that is left; where that is the last token, the last token itself.
 * - For a method that asks by the last token, as FastV does, that one asks alone, whatever is marked.
 * - A row sees the cache of its layer, itself, and the tokens before it.
 *
 * The reference, verification and the command line read the rule here. The graph has it as nodes
 * (`emitRows` in `packages/onnx/src/prune/score/instruction-attention.ts`): every row from the first that
 * asks to the last token, with a weight of 0 for those in between that do not.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630) and the authors' code, where the tokens after the image
 * ask. Marks, and the last token where nothing follows, are this project's own.
 */

import type { Asking } from '../methods/index.js';

/** Tokens that are left, in their order, by index. */
export interface LeftTokens {
  readonly count: number;
  isImage(index: number): boolean;
  /** Whether the caller marked a token as the instruction; left out: none is. */
  isMarked?(index: number): boolean;
}

/** Indices of the tokens that ask, ascending; empty only if there is no token. */
export function askingRows(
  { count, isImage, isMarked }: LeftTokens,
  asks: Asking = 'instruction',
): number[] {
  const indices = Array.from({ length: count }, (_, index) => index);
  if (asks === 'last-token') return indices.slice(-1);
  const marked = indices.filter((index) => isMarked?.(index) === true);
  if (marked.length > 0) return marked;
  const lastImage = indices.findLastIndex((index) => isImage(index));
  return indices.slice(Math.min(lastImage + 1, count - 1));
}

/**
 * Whether a row sees a key.
 *
 * @param row index among the tokens that are left
 * @param key index among the keys: those of the cache, then those of the tokens that are left
 * @param past tokens in the layer's cache
 */
export function seesKey(row: number, key: number, past: number): boolean {
  return key <= past + row;
}
