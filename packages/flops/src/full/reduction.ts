/** What choosing or merging image tokens before the decoder costs: core's formulas, read as counts. */
import { type Reduction, reducedTokens, reductionMethod } from '@transprune/core';
import { costAlgebra, inMultiplyAdds } from '../algebra/cost.js';
import type { Model } from '../model/model.js';

/** Size of a head in CLIP and SigLIP; what is measured over heads depends on it hardly at all. */
const headSize = 64;

/**
 * Multiply-adds of what a reduction measures on one picture. The choice itself, which only compares, is left out, and
 * so are the means of what is merged.
 *
 * @throws TransPruneError as `reducedTokens` does
 */
export function reductionCost(model: Model, reduction: Reduction, imageTokens: number): number {
  if (reducedTokens(reduction, imageTokens) === imageTokens) return 0;
  const { decoder, vision } = model;
  const { algebra, count } = costAlgebra();
  const heads = Math.max(1, Math.round((vision?.hiddenSize ?? decoder.hiddenSize) / headSize));
  const tokens = imageTokens + (vision?.extraTokens ?? 0);
  reductionMethod(reduction).measures(algebra, {
    features: [1, imageTokens, decoder.hiddenSize],
    attention: [1, heads, tokens, tokens],
    keys: [1, heads, headSize, tokens],
  });
  return inMultiplyAdds(count());
}
