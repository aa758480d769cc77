/** Fewer image tokens before the decoder: which there are, and how one is applied. */
import type { NDArray } from '../algebra/ndarray.js';
import { TransPruneError } from '../errors.js';
import { didYouMean } from '../words.js';
import { divPrune } from './div-prune.js';
import { downsample } from './downsample.js';
import type { ReductionMethod } from './method.js';
import { randomReduction } from './random.js';
import { visionZip } from './vision-zip.js';

/** A new one is a file beside these and a line here. */
const registry = {
  downsample,
  'vision-zip': visionZip,
  'div-prune': divPrune,
  random: randomReduction,
};

export type ReductionName = keyof typeof registry;

export const reductionNames = Object.keys(registry) as readonly ReductionName[];

/** What happens to the image tokens of each picture before the decoder gets them. Plain data, fit for JSON. */
export interface Reduction {
  readonly method: ReductionName;
  /** Tokens of each picture that are left at most; a picture of no more is left as it is. */
  readonly tokens: number;
  /** Of a random choice; 0 if left out. */
  readonly seed?: number | undefined;
}

/**
 * The method of a reduction.
 *
 * @throws TransPruneError INVALID_ARGUMENT for a name that is none, and for tokens that are no count
 */
export function reductionMethod({ method, tokens }: Reduction): ReductionMethod {
  if (!Object.hasOwn(registry, method)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `a reduction's method must be one of ${reductionNames.join(', ')}, got ${method}${didYouMean(`${method}`, reductionNames)}`,
      { field: 'reduction.method', got: method },
    );
  }
  if (!Number.isSafeInteger(tokens) || tokens < 1) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `a reduction's tokens must be a whole number from 1, got ${tokens}`,
      { field: 'reduction.tokens', got: tokens },
    );
  }
  return registry[method];
}

/**
 * Image tokens of one picture after a reduction, of `tokens` before it.
 *
 * @throws TransPruneError as `reductionMethod` does, UNSUPPORTED_MODEL for a picture that is no square where it must be
 */
export function reducedTokens(reduction: Reduction, tokens: number): number {
  const { reached } = reductionMethod(reduction);
  const kept = reduction.tokens;
  if (kept >= tokens) return tokens;
  return reached?.({ tokens, kept }) ?? kept;
}

/**
 * The image tokens of a picture that are left.
 *
 * @param features `[tokens, hidden]`
 * @param measures those of the reduction's method, of this picture
 * @returns `[reducedTokens, hidden]`
 * @throws TransPruneError as `reducedTokens` does, UNSUPPORTED_MODEL for measures of another encoder
 */
export function reduceTokens(
  reduction: Reduction,
  features: NDArray,
  measures: readonly NDArray[],
): NDArray {
  const method = reductionMethod(reduction);
  const [tokens = 0, hidden = 0] = features.shape;
  const { tokens: kept, seed = 0 } = reduction;
  if (kept >= tokens) return features;
  const groups = method.groups(measures, { tokens, kept, seed });
  const data = new Float64Array(groups.length * hidden);
  groups.forEach((group, row) => {
    for (const token of group) {
      for (let i = 0; i < hidden; i++) {
        const at = row * hidden + i;
        data[at] = (data[at] ?? 0) + (features.data[token * hidden + i] ?? 0) / group.length;
      }
    }
  });
  return { shape: [groups.length, hidden], data };
}

export type { EncoderSignalName, ReductionMethod } from './method.js';
