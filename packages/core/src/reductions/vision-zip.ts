/**
 * VisionZip (arXiv 2412.04467): the tokens that the encoder itself attends to most stay as they are; the others are
 * merged into a few that lie evenly among them, each into the one with the most similar keys.
 *
 * Attention is the class token's, or the mean of all tokens' where there is none. Of 64 tokens that are left 54 are
 * chosen and 10 merged, as in the published settings. Two things differ from the authors' code, which works on
 * features before the projector: the class token, which decoders here do not get, is not kept; and a merged token is
 * the mean of what was merged, as the paper has it, where the code adds the mean of the others to the one.
 */
import type { NDArray } from '../algebra/ndarray.js';
import { TransPruneError } from '../errors.js';
import { defineReduction } from './method.js';
import { largest, largestOf } from './order.js';

/** Share of the tokens that are left which are merged. */
const mergedShare = 10 / 64;

export const visionZip = defineReduction({
  name: 'vision-zip',
  summary: "tokens that the encoder's attention is on, the others merged into a few",
  source: 'arXiv 2412.04467',
  needs: ['attention', 'keys'],
  /** Attention of the first token and of all, `[images, tokens]`; cosines of keys, `[images, tokens, tokens]`. */
  measures(algebra, { attention, keys }) {
    const mean = algebra.mean(keys, [1]);
    const length = algebra.add(algebra.l2norm(mean, [1], true), algebra.constant(1e-8));
    const unit = algebra.divide(mean, length);
    return [
      algebra.mean(algebra.slice(attention, 2, 0, 1), [1, 2]),
      algebra.mean(attention, [1, 2]),
      algebra.matmul(algebra.transpose(unit, [0, 2, 1]), unit),
    ];
  },
  groups([fromFirst, fromAll, similarity], { tokens, kept }) {
    const attended = similarity?.shape[0] ?? 0;
    const before = attended - tokens;
    const attention = before === 1 ? fromFirst : fromAll;
    if (!attention || !similarity || before < 0 || before > 1) {
      throw new TransPruneError(
        'UNSUPPORTED_MODEL',
        `expected a vision encoder whose tokens are the image tokens, or those and a class token, for vision-zip, got ${attended} tokens and ${tokens} image tokens; choose another reduction`,
        { field: 'reduction.method', attended, tokens },
      );
    }
    const merged = Math.round(kept * mergedShare);
    const dominant = largest(attention.data.subarray(before), kept - merged);
    const chosen = new Set(dominant);
    const others = Array.from({ length: tokens }, (_, token) => token).filter(
      (token) => !chosen.has(token),
    );
    return [...dominant.map((token) => [token]), ...mergedInto(merged, others, similarity, before)];
  },
});

/** @param before tokens of the attention before the first image token */
function mergedInto(
  count: number,
  tokens: readonly number[],
  similarity: NDArray,
  before: number,
): number[][] {
  if (count === 0) return [];
  const [, width = 0] = similarity.shape;
  const step = Math.max(1, Math.floor(tokens.length / count));
  const targets = tokens.filter((_, at) => at % step === 0).slice(0, count);
  const groups = new Map(targets.map((target) => [target, [target]]));
  for (const token of tokens) {
    if (groups.has(token)) continue;
    const row = (token + before) * width + before;
    const nearest = largestOf(targets, (target) => similarity.data[row + target] ?? 0);
    groups.get(nearest)?.push(token);
  }
  return [...groups.values()];
}
