/**
 * Length of a token's keys in the layer after the prune. Short keys are attended to more than long ones, which needs no
 * query to be known.
 *
 * Source: ViTCoP (arXiv 2601.17818), the saliency of its stages in the decoder; first seen in caches of language
 * models (arXiv 2406.11430).
 */
import type { TensorAlgebra } from '../algebra/algebra.js';

/**
 * Mean length over the heads.
 *
 * @param keys `[batch, kv_heads, tokens, head_dim]`, rotated or not: a rotation changes no length
 * @returns `[batch, tokens]`
 */
export function keyNorm<T>(algebra: TensorAlgebra<T>, keys: T): T {
  return algebra.mean(algebra.l2norm(keys, [-1]), [1]);
}
