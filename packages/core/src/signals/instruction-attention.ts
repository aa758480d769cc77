/**
 * Instruction-guided attention: how much the instruction attends to each token, computed with the
 * query and key projections of the layer after the prune.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), formula 4, and the authors' code. Rotary
 * embedding: RoFormer (arXiv 2104.09864) in the half-split layout of LLaMA. Soft cap of the logits:
 * Gemma 2 (arXiv 2408.00118), section 2.
 */
import type { TensorAlgebra } from '../algebra/algebra.js';

/** What a bias holds where a row may not look: gone in a softmax, still finite in float32. */
export const blockedLogit = -1e9;

/** Sizes of an attention module. */
export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Of values, where they are of another size than queries and keys. */
  readonly valueDim?: number | undefined;
  /** Factor on the dot products, `1 / sqrt(head_dim)` in LLaMA. */
  readonly scale: number;
  /** Soft cap of the logits, `cap * tanh(logits / cap)`; left out: none. */
  readonly softcap?: number | undefined;
}

/**
 * Cosine and sine of each position's angles, `[tokens, head_dim / 2]` or whatever else broadcasts to
 * `[batch, heads, tokens, head_dim / 2]`.
 */
export interface RotaryTable<T> {
  readonly cos: T;
  readonly sin: T;
}

/** Splits `[batch, tokens, heads * head_dim]` into heads: `[batch, heads, tokens, head_dim]`. */
export function splitHeads<T>(algebra: TensorAlgebra<T>, x: T, heads: number, headDim: number): T {
  return algebra.transpose(algebra.reshape(x, [0, 0, heads, headDim]), [0, 2, 1, 3]);
}

/** Rotates the two halves of `x` `[..., tokens, head_dim]` by a table `[tokens, head_dim / 2]`. */
export function rotate<T>(
  algebra: TensorAlgebra<T>,
  x: T,
  { cos, sin }: RotaryTable<T>,
  headDim: number,
): T {
  const first = algebra.slice(x, -1, 0, headDim / 2);
  const second = algebra.slice(x, -1, headDim / 2, headDim);
  return algebra.concat(
    [
      algebra.subtract(algebra.multiply(first, cos), algebra.multiply(second, sin)),
      algebra.add(algebra.multiply(second, cos), algebra.multiply(first, sin)),
    ],
    -1,
  );
}

/**
 * Dot products of queries and keys, scaled and, if the shape says so, capped. A key head serves the
 * query heads of its group.
 *
 * @param queries `[batch, heads, rows, head_dim]`, rotated
 * @param keys `[batch, kv_heads, keys, head_dim]`, rotated
 * @returns `[batch, heads, rows, keys]`
 */
export function attentionLogits<T>(
  algebra: TensorAlgebra<T>,
  queries: T,
  keys: T,
  { heads, kvHeads, headDim, scale, softcap }: AttentionShape,
): T {
  // The scale goes to the smaller factor, not to the [rows, keys] product.
  const scaled = algebra.multiply(queries, algebra.constant(scale));
  // A group's heads and rows are merged, so that no matrix is broadcast: [batch, kv_heads, group * rows, head_dim].
  const grouped = algebra.reshape(scaled, [0, kvHeads, -1, headDim]);
  const products = algebra.matmul(grouped, algebra.transpose(keys, [0, 1, 3, 2]));
  const logits = algebra.reshape(products, [0, heads, -1, 0]);
  return softcap === undefined ? logits : softCapped(algebra, logits, softcap);
}

/** Bends values so that none is beyond a cap: `cap * tanh(x / cap)`. */
export function softCapped<T>(algebra: TensorAlgebra<T>, x: T, cap: number): T {
  const bound = algebra.constant(cap);
  return algebra.multiply(algebra.tanh(algebra.divide(x, bound)), bound);
}

/**
 * What attention gives each row: the values, weighted by its probabilities. A value head serves the query
 * heads of its group.
 *
 * @param probabilities `[batch, heads, rows, keys]`
 * @param values `[batch, kv_heads, keys, head_dim]`
 * @returns `[batch, heads, rows, head_dim]`
 */
export function mixValues<T>(
  algebra: TensorAlgebra<T>,
  probabilities: T,
  values: T,
  { heads, kvHeads, headDim }: Pick<AttentionShape, 'heads' | 'kvHeads' | 'headDim'>,
): T {
  const grouped = algebra.reshape(probabilities, [0, kvHeads, -1, 0]);
  return algebra.reshape(algebra.matmul(grouped, values), [0, heads, -1, headDim]);
}

export interface InstructionAttentionInput<T> {
  /** From `attentionLogits`, a row for each instruction token: `[batch, heads, rows, keys]`. */
  readonly logits: T;
  /** 0 where a row may look, `blockedLogit` where not; broadcast to the logits. */
  readonly bias: T;
  /**
   * Weight of each row in the mean, summing to 1 in each batch row: `[batch, 1, rows, 1]`; left out:
   * all alike.
   */
  readonly rowWeights?: T | undefined;
}

/**
 * Attention that each key receives from the instruction: softmax over whole key rows, mean over heads,
 * (weighted) mean over rows.
 *
 * @returns `[batch, keys]`
 */
export function instructionAttention<T>(
  algebra: TensorAlgebra<T>,
  { logits, bias, rowWeights }: InstructionAttentionInput<T>,
): T {
  const probabilities = algebra.softmax(algebra.add(logits, bias), -1);
  if (rowWeights === undefined) return algebra.mean(probabilities, [1, 2]);
  const overHeads = algebra.mean(probabilities, [1], true);
  return algebra.sum(algebra.multiply(overHeads, rowWeights), [1, 2]);
}
