import type { TensorAlgebra } from '../algebra/algebra.js';
import type { NDArray } from '../algebra/ndarray.js';

/**
 * What a reduction can ask of the vision encoder, with `tokens` those of its last attention: as many as image tokens,
 * or one more where a class token comes first.
 * - `features`: the image tokens as the decoder would get them, `[images, image tokens, hidden]`
 * - `attention`: of the last layer whose output is used, `[images, heads, tokens, tokens]`, one row a query
 * - `keys`: of the same attention, `[images, heads, head_dim, tokens]`
 */
export type EncoderSignalName = 'features' | 'attention' | 'keys';

/** How many tokens an image has, and gets. */
export interface ReductionSizes {
  readonly tokens: number;
  /** At most as many. */
  readonly kept: number;
  readonly seed: number;
}

/**
 * A way to give the decoder fewer image tokens than the vision encoder makes, whatever is asked. What it goes by is a
 * formula over the tensor algebra; the choice itself is made in steps, on arrays.
 */
export interface ReductionMethod<Needs extends EncoderSignalName = EncoderSignalName> {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
  readonly needs: readonly Needs[];
  /** What the choice goes by, each with `[images, ...]`. */
  measures<T>(algebra: TensorAlgebra<T>, signals: Readonly<Record<Needs, T>>): readonly T[];
  /** Tokens that are left where `kept` are asked for; as many if left out. */
  reached?(sizes: Pick<ReductionSizes, 'tokens' | 'kept'>): number;
  /**
   * The image tokens that each token that is left is the mean of, most often one, in the order in which the decoder
   * gets them.
   *
   * @param measures of one image, without the first axis
   */
  groups(measures: readonly NDArray[], sizes: ReductionSizes): readonly (readonly number[])[];
}

/** Keeps the type of a method's own list of signals while it is written down. */
export function defineReduction<Needs extends EncoderSignalName>(
  method: ReductionMethod<Needs>,
): ReductionMethod<Needs> {
  return method;
}
