/** A method with other schedules, at one cost. */
import type { PrunePlan } from '@transprune/core';
import { type Costing, fitPlan } from './costs.js';
import type { Variant } from './variant.js';

/** What a schedule has to keep, or it is not worth asking: one token in a hundred. */
const least = 0.01;

/**
 * A plan; then as many prunes and a single one, each layer by layer from early to as late as the cost can be reached,
 * without a layer between them. Transitions are summed up from the first prune to the last.
 *
 * @param share of the unpruned cost
 */
export function schedulesAt(costing: Costing, plan: PrunePlan, share: number): Variant[] {
  const layers = costing.model.decoder.layers.length;
  const own = afterLayersOf(plan).join();
  const others = [...new Set([plan.stages.length, 1])].flatMap((count) =>
    Array.from({ length: layers - count }, (_, first): Variant[] => {
      const after = Array.from({ length: count }, (_, at) => first + 1 + at);
      if (after.join() === own) return [];
      const stages = plan.stages
        .slice(-count)
        .map((stage, at) => ({ ...stage, afterLayer: first + 1 + at }));
      const fitted = fitPlan(costing, { ...plan, stages, accumulateLayers: after }, share);
      const isWorthIt = fitted?.stages.every(({ keepRatio }) => keepRatio >= least);
      return fitted && isWorthIt ? [{ name: called(fitted), plan: fitted }] : [];
    }).flat(),
  );
  return [{ name: called(plan), plan }, ...others];
}

const afterLayersOf = ({ stages }: PrunePlan) => stages.map(({ afterLayer }) => afterLayer);

function called(plan: PrunePlan): string {
  const kept = plan.stages.map(({ keepRatio }) => (100 * keepRatio).toFixed(0));
  return `after ${afterLayersOf(plan).join(', ')}: ${kept.join(', ')} % kept`;
}
