import { wilcoxonRankSum } from 'simple-statistics';

/**
 * How well scores tell one kind of tokens from the others: the chance that one of the kind scores above one that is
 * not, ties counted half. 0.5 is chance.
 *
 * @returns undefined where all or none are of the kind
 */
export function areaUnderCurve(
  scores: readonly number[],
  isOfKind: (token: number) => boolean,
): number | undefined {
  const own = scores.filter((_, token) => isOfKind(token));
  const others = scores.filter((_, token) => !isOfKind(token));
  if (own.length === 0 || others.length === 0) return undefined;
  const aboveLeast = wilcoxonRankSum(own, others) - (own.length * (own.length + 1)) / 2;
  return aboveLeast / (own.length * others.length);
}
