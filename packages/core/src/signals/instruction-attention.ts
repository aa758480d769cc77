/**
 * Instruction-guided attention: how much the instruction attends to each token, computed with the
 * query and key projections of the layer behind the prune.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), formula 4, and the authors' code. Rotary
 * embedding: RoFormer (arXiv 2104.09864) in the half-split layout of LLaMA.
 */
import type { TensorAlgebra } from '../algebra/algebra.js';

/** Cosine and sine of each position's angles, `[rows, head_dim / 2]`. */
export interface RotaryTable<T> {
  readonly cos: T;
  readonly sin: T;
}

export interface InstructionAttentionInput<T> {
  /** Query projection of the instruction tokens, before rotary: `[batch, rows, heads * head_dim]`. */
  readonly queries: T;
  /** Key projection of all tokens, before rotary: `[batch, tokens, kv_heads * head_dim]`. */
  readonly keys: T;
  /** Angles at the instruction tokens, `[rows, head_dim / 2]`. */
  readonly queryRotary: RotaryTable<T>;
  /** Angles at all tokens, `[tokens, head_dim / 2]`. */
  readonly keyRotary: RotaryTable<T>;
  /** 0 where a row may look at a token, `blockedLogit` where not: `[rows, tokens]`. */
  readonly causalBias: T;
}

/** What a causal bias holds where a row may not look: gone in a softmax, still finite in float32. */
export const blockedLogit = -1e9;

/** Sizes of an attention module. */
export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Factor on the dot products, `1 / sqrt(head_dim)` in LLaMA. */
  readonly scale: number;
}

/**
 * Attention that each token receives from the instruction: softmax over whole key rows, mean over
 * heads and instruction tokens.
 *
 * @returns `[batch, tokens]`
 */
export function instructionAttention<T>(
  algebra: TensorAlgebra<T>,
  input: InstructionAttentionInput<T>,
  { heads, kvHeads, headDim, scale }: AttentionShape,
): T {
  const group = heads / kvHeads;
  // [batch, rows, kv_heads, group, head_dim] -> [batch, kv_heads, group, rows, head_dim]
  const queries = rotate(
    algebra,
    algebra.transpose(
      algebra.reshape(input.queries, [0, 0, kvHeads, group, headDim]),
      [0, 2, 3, 1, 4],
    ),
    input.queryRotary,
    headDim,
  );
  // [batch, tokens, kv_heads, 1, head_dim] -> [batch, kv_heads, 1, tokens, head_dim]
  const keys = rotate(
    algebra,
    algebra.transpose(algebra.reshape(input.keys, [0, 0, kvHeads, 1, headDim]), [0, 2, 3, 1, 4]),
    input.keyRotary,
    headDim,
  );
  // The scale goes to the smaller factor, not to the [rows, tokens] product.
  const scaled = algebra.multiply(queries, algebra.constant(scale));
  const logits = algebra.matmul(scaled, algebra.transpose(keys, [0, 1, 2, 4, 3]));
  const probabilities = algebra.softmax(algebra.add(logits, input.causalBias), -1);
  return algebra.mean(probabilities, [1, 2, 3]);
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
