/**
 * Token transition: how strongly a module changes a token, and in which direction.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), formulas 1-3, and the authors' code, which runs
 * the direction variant `1-cos` where formula 2 prints `1-|cos|`. The four variants are those of the
 * supplement's table 2.
 */
import type { TensorAlgebra } from '../algebra/algebra.js';

/** How the angle between a module's input and output enters the score. */
export const directions = ['cos', '|cos|', '1-cos', '1-|cos|'] as const;
export type Direction = (typeof directions)[number];

/** Which factors of the score count: `both` in the paper, one of them in its ablation. */
export const transitionParts = ['both', 'magnitude', 'direction'] as const;
export type TransitionParts = (typeof transitionParts)[number];

/** How the score is made; a plan is such a form. */
export interface TransitionForm {
  readonly direction: Direction;
  /** `both` if left out. */
  readonly transitionParts?: TransitionParts | undefined;
}

/** What one module (self-attention or FFN) reads, after the norm, and writes, before the add. */
export interface ModulePass<T> {
  /** `[batch, tokens, hidden]` */
  readonly input: T;
  /** `[batch, tokens, hidden]` */
  readonly output: T;
}

/** Keeps a token that a module leaves silent (or that is zero itself) at 0 instead of NaN. */
const epsilon = 1e-8;

/**
 * Token transition value of one module: `|out| / |in| * softmax(g(cos(in, out)))`, the softmax over
 * every token of the sequence, text too.
 *
 * @param tokenBias `[batch, tokens]`, added before the softmax: 0, or `blockedLogit` at padding, which
 *   then takes no share; left out: every token takes part
 * @returns `[batch, tokens]`
 */
export function tokenTransition<T>(
  algebra: TensorAlgebra<T>,
  { input, output }: ModulePass<T>,
  form: TransitionForm,
  tokenBias?: T,
): T {
  const parts = form.transitionParts ?? 'both';
  const inputNorm = algebra.l2norm(input, [-1]);
  const outputNorm = algebra.l2norm(output, [-1]);
  const positive = (x: T) => algebra.add(x, algebra.constant(epsilon));
  const magnitude = algebra.divide(outputNorm, positive(inputNorm));
  if (parts === 'magnitude') return magnitude;
  const product = algebra.sum(algebra.multiply(input, output), [-1]);
  const cosine = algebra.divide(product, positive(algebra.multiply(inputNorm, outputNorm)));
  const term = directionTerm(algebra, cosine, form.direction);
  const biased = tokenBias === undefined ? term : algebra.add(term, tokenBias);
  const weight = algebra.softmax(biased, -1);
  return parts === 'direction' ? weight : algebra.multiply(magnitude, weight);
}

/**
 * Token transition of one layer: the sum over its modules.
 *
 * @param tokenBias as for `tokenTransition`
 * @returns `[batch, tokens]`
 */
export function layerTransition<T>(
  algebra: TensorAlgebra<T>,
  modules: readonly ModulePass<T>[],
  form: TransitionForm,
  tokenBias?: T,
): T {
  return modules
    .map((module) => tokenTransition(algebra, module, form, tokenBias))
    .reduce((sum, value) => algebra.add(sum, value));
}

function directionTerm<T>(algebra: TensorAlgebra<T>, cosine: T, direction: Direction): T {
  switch (direction) {
    case 'cos':
      return cosine;
    case '|cos|':
      return algebra.abs(cosine);
    case '1-cos':
      return algebra.subtract(algebra.constant(1), cosine);
    case '1-|cos|':
      return algebra.subtract(algebra.constant(1), algebra.abs(cosine));
  }
}
