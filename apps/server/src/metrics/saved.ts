import type { PrunePlan } from '@transprune/core';
import { fullCost, type Model } from '@transprune/flops';
import type { Usage } from '@transprune/vlm';

/**
 * Floating point operations of the prefill that pruning saved, scoring taken off; 0 where costs are not known.
 *
 * @param plan with the ratios that the request ran at
 */
export function savedFlops(
  model: Model | null,
  plan: PrunePlan,
  { imageTokens, textTokens }: Usage,
): number {
  if (!model || imageTokens === 0 || plan.stages.length === 0) return 0;
  const { baseline, plan: pruned } = fullCost(model, plan, { imageTokens, textTokens });
  // A multiply-add is two operations. Ratios of 1 save nothing, but are scored.
  return Math.max(0, 2 * (baseline.prefill.total - pruned.prefill.total));
}
