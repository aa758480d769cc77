import type { TensorAlgebra } from '../algebra/algebra.js';

/**
 * What a method can ask of the decoder at a stage, each `[batch, tokens]` over the tokens that are
 * still there:
 * - `transition`: token transition, summed over the plan's accumulated layers up to the stage, or since the
 *   stage before (`accumulation`)
 * - `instructionAttention`: attention that each token receives from the instruction
 * - `variation`: how far the last layer before the stage moved the token
 * - `attentionUpdate`: how far attention alone moved it in that layer
 * - `keyNorm`: length of the token's keys in the layer after the stage
 * - `noise`: a fixed uniform number in [0, 1) for each original position, drawn from the plan's seed
 * - `spread`: the token's place in an order that covers the image evenly, in [0, 1)
 */
export const signalNames = [
  'transition',
  'instructionAttention',
  'variation',
  'attentionUpdate',
  'keyNorm',
  'noise',
  'spread',
] as const;
export type SignalName = (typeof signalNames)[number];

/**
 * Whose attention `instructionAttention` is: of the instruction, as `askingRows` finds it, or of the last
 * token alone.
 */
export type Asking = 'instruction' | 'last-token';

/**
 * A pruning method: the signals it needs and a formula over them. Nothing else in the project knows
 * a method's name.
 */
export interface Method<Needs extends SignalName = SignalName> {
  /** Lower-case letters, digits and hyphens, from a letter on. A pruned file carries it. */
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly needs: readonly Needs[];
  /** The instruction's if left out. */
  readonly asks?: Asking;
  /**
   * Score of every token, the larger the more worth keeping.
   *
   * @param signals one `[batch, tokens]` tensor for each name in `needs`
   * @param imageMask `[batch, tokens]`, 1 at image tokens and 0 at text
   * @returns `[batch, tokens]`; what it holds at text tokens is not used
   */
  score<T>(algebra: TensorAlgebra<T>, signals: Readonly<Record<Needs, T>>, imageMask: T): T;
}

/** Whether a method reads queries or keys of the layer after a prune, which then has to project every token. */
export function readsNextLayer({ needs }: Pick<Method, 'needs'>): boolean {
  return needs.includes('instructionAttention') || needs.includes('keyNorm');
}

/** Whether a plan's fields on the token transition say anything to a method. */
export function readsTransition({ needs }: Pick<Method, 'needs'>): boolean {
  return needs.includes('transition');
}

/**
 * The signals that a method is given.
 *
 * @param make makes each; only those that the method needs are asked for
 */
export function signalsFor<T>(
  { needs }: Pick<Method, 'needs'>,
  make: Readonly<Record<SignalName, () => T>>,
): Readonly<Record<SignalName, T>> {
  const made = Object.fromEntries(needs.map((name) => [name, make[name]()]));
  return made as Record<SignalName, T>;
}

/** Keeps the type of a method's own signal list while it is written down. */
export function defineMethod<Needs extends SignalName>(method: Method<Needs>): Method<Needs> {
  return method;
}

/** Scales image columns to sum 1 and clears the others: `x * mask / (sum(x * mask) + 1e-8)`. */
export function normalizeOverImage<T>(algebra: TensorAlgebra<T>, x: T, imageMask: T): T {
  const masked = algebra.multiply(x, imageMask);
  const sum = algebra.add(algebra.sum(masked, [-1], true), algebra.constant(1e-8));
  return algebra.divide(masked, sum);
}
