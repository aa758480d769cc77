/**
 * Prunes on decoders in which not every layer has attention.
 *
 * Instruction attention is read from the layer behind a prune, so that layer needs attention. This rule
 * is the project's own: the published models have attention everywhere.
 */
import { TransPruneError } from '../errors.js';
import { methodByName } from '../methods/index.js';
import type { PrunePlan } from './plan.js';

/** A prune that stands at another depth than the plan said. Layers are 1-based. */
export interface MovedPrune {
  readonly from: number;
  readonly to: number;
}

export interface FittedPlan {
  readonly plan: PrunePlan;
  /** In order of depth; empty if the plan fits as it is. */
  readonly moved: readonly MovedPrune[];
}

/**
 * Moves each prune to the nearest depth whose next layer has attention: of all ways to place the
 * prunes in their order the one with the least distance moved in sum, of equal ones the deeper.
 *
 * Accumulated layers that run from the first prune to the last, as the published ones do, still do
 * afterwards. Others stay as they are; if none is left at or before the first prune, its own layer
 * joins them. A plan whose method reads no attention stays as it is.
 *
 * @param attentionLayers layers (1-based) that may follow a prune: those with attention, of their own
 *   keys if layers borrow them
 * @throws TransPruneError INVALID_PLAN if there are fewer such depths than prunes
 */
export function fitToAttentionLayers(
  plan: PrunePlan,
  attentionLayers: readonly number[],
): FittedPlan {
  const readsAttention = methodByName(plan.method).needs.includes('instructionAttention');
  if (!readsAttention || plan.stages.length === 0) return { plan, moved: [] };
  const wanted = plan.stages.map(({ afterLayer }) => afterLayer);
  const depths = attentionLayers.filter((layer) => layer > 1).map((layer) => layer - 1);
  const placed = nearestDepths(wanted, depths);
  const moved = wanted.flatMap((from, stage) => {
    const to = placed[stage] ?? from;
    return to === from ? [] : [{ from, to }];
  });
  if (moved.length === 0) return { plan, moved };
  const stages = plan.stages.map((stage, i) => ({
    ...stage,
    afterLayer: placed[i] ?? stage.afterLayer,
  }));
  const accumulateLayers = movedAccumulation(plan.accumulateLayers, wanted, placed);
  return { plan: { ...plan, stages, accumulateLayers }, moved };
}

/** A way to place the first few prunes, and the distance that they were moved in sum. */
interface Placement {
  readonly depths: readonly number[];
  readonly distance: number;
}

/** Rising depths out of `allowed`, as near to `wanted` as can be. */
function nearestDepths(wanted: readonly number[], allowed: readonly number[]): readonly number[] {
  const rising = [...new Set(allowed)].sort((a, b) => a - b);
  if (rising.length < wanted.length) {
    throw new TransPruneError(
      'INVALID_PLAN',
      `expected at most ${rising.length} prunes, as many as there are depths whose next layer has attention (after ${rising.join(', ') || 'none'}), got ${wanted.length}`,
      { field: 'stages.afterLayer', got: wanted },
    );
  }
  // The best placement of the first i prunes that ends at each depth, for i = 1, 2, ...
  let best: (Placement | null)[] = [];
  wanted.forEach((depth, stage) => {
    let before: Placement | null = stage === 0 ? { depths: [], distance: 0 } : null;
    best = rising.map((candidate, at) => {
      const placed: Placement | null = before && {
        depths: [...before.depths, candidate],
        distance: before.distance + Math.abs(candidate - depth),
      };
      if (stage > 0) before = nearer(before, best[at] ?? null);
      return placed;
    });
  });
  return best.reduce(nearer, null)?.depths ?? [];
}

/** The placement of less distance; of equal ones the second, which is the deeper. */
function nearer(first: Placement | null, second: Placement | null): Placement | null {
  if (!first || !second) return first ?? second;
  return second.distance <= first.distance ? second : first;
}

function movedAccumulation(
  layers: readonly number[],
  wanted: readonly number[],
  placed: readonly number[],
): readonly number[] {
  const run = (depths: readonly number[]) => {
    const [first = 1, last = 0] = [depths[0], depths.at(-1)];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  };
  if (layers.join() === run(wanted).join()) return run(placed);
  const first = placed[0] ?? 1;
  return layers.some((layer) => layer <= first) ? layers : [first, ...layers];
}
