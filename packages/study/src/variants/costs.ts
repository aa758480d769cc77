/** What variants cost, and which of a method costs as much as another plan. */
import { createPlan, type PrunePlan, type Reduction, type ReductionName } from '@transprune/core';
import { type FullCost, fullCost, type Model, planWithinBudget } from '@transprune/flops';
import { mean } from '../statistics/ratio.js';
import type { Variant } from './variant.js';

/** A model and its prompts, as far as costs go. */
export interface Costing {
  readonly model: Model;
  readonly imageTokens: number;
  /** Of an average prompt. */
  readonly textTokens: number;
}

export const unpruned: PrunePlan = createPlan({ stages: [] });

/** Everything that is counted of a variant. */
export function costsOf(
  { model, ...tokens }: Costing,
  { plan, reduction }: Pick<Variant, 'plan' | 'reduction'>,
): FullCost {
  return fullCost(model, plan, { ...tokens, reduction });
}

/** Multiply-adds of a prompt from the image features on: the decoder, scoring, and choosing before it. */
export function prefillCost(
  costing: Costing,
  variant: Pick<Variant, 'plan' | 'reduction'>,
): number {
  const { decoder, scoring, reduction = 0 } = costsOf(costing, variant).plan.prefill;
  return decoder.total + scoring.total + reduction;
}

/** The same as a share of the unpruned. */
export function costShare(costing: Costing, variant: Pick<Variant, 'plan' | 'reduction'>): number {
  return prefillCost(costing, variant) / prefillCost(costing, { plan: unpruned });
}

/**
 * The same of a plan under which it depends on the picture how many tokens stay: the mean over what was kept.
 *
 * @param kept for each question, image tokens that each prune left
 */
export function costShareOfKept(
  costing: Costing,
  plan: PrunePlan,
  kept: readonly (readonly number[])[],
): number {
  const { keepMass: _, keepFloor: __, ...fixed } = plan;
  const shares = kept.map((counts) => {
    const stages = plan.stages.map((stage, at) => ({
      ...stage,
      keepRatio: (counts[at] ?? Number.NaN) / costing.imageTokens,
    }));
    return costShare(costing, { plan: { ...fixed, stages } });
  });
  return mean(shares);
}

/**
 * A plan's keep ratios, fitted so that it costs no more than a share of the unpruned.
 *
 * @param reduction that goes before it
 * @returns undefined if the plan prunes too late for that
 */
export function fitPlan(
  { model, ...tokens }: Costing,
  plan: PrunePlan,
  share: number,
  reduction?: Reduction,
): PrunePlan | undefined {
  return planWithinBudget(
    model,
    plan,
    { speedup: 1 / share },
    { ...tokens, reduction, keepFloor: 0 },
  )?.plan;
}

/** The most tokens to which a reduction may reduce at a share of the unpruned cost; undefined if none. */
export function fitReduction(
  costing: Costing,
  method: ReductionName,
  share: number,
): Reduction | undefined {
  for (let tokens = costing.imageTokens - 1; tokens > 0; tokens--) {
    const reduction = { method, tokens };
    if (costShare(costing, { plan: unpruned, reduction }) <= share) return reduction;
  }
  return undefined;
}
