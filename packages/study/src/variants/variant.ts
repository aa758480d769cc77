/** One way to answer the questions. */
import { createHash } from 'node:crypto';
import { methodNameOf, type PrunePlan, type Reduction } from '@transprune/core';
import type { Shown } from '@transprune/eval';

export interface Variant {
  /** As tables call it. */
  readonly name: string;
  /** What it is called at any cost, such as the method's name; the name if left out. */
  readonly family?: string;
  readonly plan: PrunePlan;
  /** Of what it chooses by chance: it is asked with each, and a question counts the mean. None if left out. */
  readonly seeds?: readonly number[];
  readonly reduction?: Reduction;
  /** The picture if left out. */
  readonly shown?: Shown;
}

/** A variant with each of its seeds, or as it is. */
export function masksOf({ seeds, ...variant }: Variant): Variant[] {
  const { plan, reduction } = variant;
  if (!seeds) return [variant];
  return seeds.map((seed) => ({
    ...variant,
    ...(reduction ? { reduction: { ...reduction, seed } } : { plan: { ...plan, seed } }),
  }));
}

/**
 * A name for a variant's answers, which nothing else has: two that answer differently have different ones. Its seeds are not looked at.
 *
 * @param model whatever says which model answers
 */
export function keyOf({ plan, reduction, shown }: Variant, model: string): string {
  const method = methodNameOf(plan);
  const whole = JSON.stringify([model, { ...plan, method }, reduction ?? null, shown ?? 'picture']);
  const before = reduction ? `${reduction.method}-${reduction.tokens}-` : '';
  const what = plan.stages.length === 0 ? 'unpruned' : method;
  return `${before}${what}-${createHash('sha256').update(whole).digest('hex').slice(0, 12)}`;
}
