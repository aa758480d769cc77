/**
 * Which tokens a stage keeps.
 *
 * Source: the authors' code: the `floor(ratio * image tokens at the start)` best image tokens, in
 * their original order; text always stays. Of equal scores the earlier token wins. A quota for each
 * image is this project's own, and so are two rules for what the authors' code does not meet: at least one
 * image token stays where there is one, and a score that is no number is the least.
 */
import { TransPruneError } from '../errors.js';
import type { PrunePlan } from './plan.js';

/**
 * Scores lie between this and its negative. Anything else, no number among it, counts as the negative: such
 * image tokens are the first to go, and no text is.
 */
export const scoreLimit = 1e29;

/** A keep ratio of 1 in the whole numbers that shares are counted in. */
export const wholeShare = 2 ** 30;

/**
 * A keep ratio as a whole number of shares, rounded up: .7 of 90 tokens are 63 then, in any arithmetic that
 * has whole numbers, where the product of floats is 62.99999999999999.
 */
export function shareOf(keepRatio: number): number {
  return Math.ceil(keepRatio * wholeShare);
}

/** Image tokens left after a stage, of `imageTokens` at the start: one at least, where there is one. */
export function keptImageTokens(keepRatio: number, imageTokens: number): number {
  const share = Math.floor((shareOf(keepRatio) * imageTokens) / wholeShare);
  return Math.max(share, Math.min(imageTokens, 1));
}

/** Image spans that are ranked together, by their numbers in the image mask, and how many tokens stay. */
export interface ImageQuota {
  readonly spans: ReadonlySet<number>;
  readonly kept: number;
}

/**
 * How many image tokens a stage keeps: of each span its own share, or of all spans together.
 *
 * @param imageMask `[tokens]` at the start, before any prune: the span's number at image tokens, else 0
 */
export function imageQuotas(
  imageMask: ArrayLike<number>,
  keepRatio: number,
  perImage: boolean,
): ImageQuota[] {
  const sizes = new Map<number, number>();
  for (const span of Array.from(imageMask)) {
    if (span !== 0) sizes.set(span, (sizes.get(span) ?? 0) + 1);
  }
  if (perImage) {
    return [...sizes].map(([span, size]) => ({
      spans: new Set([span]),
      kept: keptImageTokens(keepRatio, size),
    }));
  }
  const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return [{ spans: new Set(sizes.keys()), kept: keptImageTokens(keepRatio, all) }];
}

/** What is left before a stage. */
export interface ScoredTokens {
  /** `[tokens]` */
  readonly scores: ArrayLike<number>;
  /** `[tokens]`, the span's number at image tokens, 0 at text. */
  readonly spans: ArrayLike<number>;
}

/**
 * How many image tokens a stage of a plan keeps of those that are left: what its keep ratio says, or under `keepMass`
 * as many as hold that share of the score, within that and the floor. This rule is the project's own.
 *
 * @param imageMask `[tokens]` at the start, before any prune
 */
export function stageQuotas(
  { keepMass, keepFloor = 0, perImage }: Pick<PrunePlan, 'keepMass' | 'keepFloor' | 'perImage'>,
  keepRatio: number,
  imageMask: ArrayLike<number>,
  left: ScoredTokens,
): ImageQuota[] {
  const quotas = imageQuotas(imageMask, keepRatio, perImage);
  if (keepMass === undefined) return quotas;
  const floors = imageQuotas(imageMask, Math.min(keepFloor, keepRatio), perImage);
  const holding = tokensThatHold(keepMass, left);
  return quotas.map(({ spans, kept }, at) => ({
    spans,
    kept: Math.min(kept, Math.max(floors[at]?.kept ?? 0, holding)),
  }));
}

/**
 * The plan that keeps as few tokens as one with `keepMass` may, whatever is scored; another plan as it is.
 */
export function leastPlan(plan: PrunePlan): PrunePlan {
  const { keepMass, keepFloor = 0, ...others } = plan;
  if (keepMass === undefined) return plan;
  const least = Math.max(keepFloor, 1 / wholeShare);
  const stages = plan.stages.map(({ afterLayer, keepRatio }) => ({
    afterLayer,
    keepRatio: Math.min(keepRatio, least),
  }));
  return { ...others, stages };
}

/** The fewest image tokens with a share of the score; what is below 0 or no number counts as 0. */
function tokensThatHold(mass: number, { scores, spans }: ScoredTokens): number {
  const held = Array.from(scores, (score, at) =>
    (spans[at] ?? 0) !== 0 && Math.abs(score) < scoreLimit ? Math.max(0, score) : 0,
  ).sort((a, b) => b - a);
  const wanted = mass * held.reduce((sum, score) => sum + score, 0);
  let sum = 0;
  let count = 0;
  for (const score of held) {
    if (sum >= wanted) break;
    sum += score;
    count++;
  }
  return count;
}

/**
 * Positions that survive, ascending.
 *
 * @param scores `[tokens]`
 * @param imageMask `[tokens]`, the span's number at image tokens, 0 at text
 * @param quotas of every span that is in the mask, from `imageQuotas` at the start or `stageQuotas`
 */
export function selectTokens(
  scores: ArrayLike<number>,
  imageMask: ArrayLike<number>,
  quotas: readonly ImageQuota[],
): number[] {
  const positions = Array.from({ length: imageMask.length }, (_, i) => i);
  const span = (i: number) => imageMask[i] ?? 0;
  const rank = (i: number) => {
    const score = scores[i] ?? 0;
    return Math.abs(score) < scoreLimit ? score : -scoreLimit;
  };
  const best = quotas.flatMap(({ spans, kept }) =>
    positions
      .filter((i) => spans.has(span(i)))
      .sort((a, b) => rank(b) - rank(a) || a - b)
      .slice(0, kept),
  );
  const survivors = new Set(best);
  return positions.filter((i) => span(i) === 0 || survivors.has(i));
}

/**
 * Where the survivors of a stage stand among the tokens before it.
 *
 * @param before positions before the stage
 * @param kept positions after it
 * @throws TransPruneError INVALID_ARGUMENT for a survivor that was not there before
 */
export function indicesAmong(before: readonly number[], kept: readonly number[]): number[] {
  const indexOf = new Map(before.map((position, index) => [position, index]));
  return kept.map((position) => {
    const index = indexOf.get(position);
    if (index !== undefined) return index;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected survivors among the ${before.length} tokens before the stage, got position ${position}`,
      { position, tokens: before.length },
    );
  });
}
