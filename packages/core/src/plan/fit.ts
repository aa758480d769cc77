/**
 * Prunes on decoders in which not every layer has attention.
 *
 * Instruction attention is read from the layer after a prune, so that layer needs attention. This rule
 * is the project's own: the published models have attention everywhere.
 */
import { TransPruneError } from '../errors.js';
import { methodOf, readsNextLayer } from '../methods/index.js';
import { carriesTransition, type PrunePlan } from './plan.js';

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
 * prunes in their order the one with the least distance moved in sum, of equal ones the deeper. Where
 * there are fewer such depths than prunes, as few prunes as possible share one, and of those the last
 * keep ratio counts.
 *
 * Accumulated layers that run from the first prune to the last, as the published ones do, still do
 * afterwards. Others stay as they are; if none is left at or before the first prune, its own layer
 * joins them. Where `accumulation` is `per-stage`, the layers before each prune and no others are so still, and of
 * others each prune's own layer joins if none is left for it. A plan whose method reads no attention stays as it is.
 *
 * @param attentionLayers layers (1-based) that may follow a prune: those with attention, of their own
 *   keys if layers borrow them
 * @throws TransPruneError INVALID_PLAN if there is no such depth
 */
export function fitToAttentionLayers(
  plan: PrunePlan,
  attentionLayers: readonly number[],
): FittedPlan {
  return readsNextLayer(methodOf(plan)) ? fitToLayers(plan, attentionLayers) : { plan, moved: [] };
}

/**
 * As `fitToAttentionLayers`, for a plan of any method.
 *
 * @param layersAfter layers (1-based) that may follow a prune
 * @throws TransPruneError INVALID_PLAN if there is no such depth
 */
export function fitToLayers(plan: PrunePlan, layersAfter: readonly number[]): FittedPlan {
  if (plan.stages.length === 0) return { plan, moved: [] };
  const wanted = plan.stages.map(({ afterLayer }) => afterLayer);
  const depths = layersAfter.filter((layer) => layer > 1).map((layer) => layer - 1);
  const placed = nearestDepths(wanted, depths);
  const moved = wanted.flatMap((from, stage) => {
    const to = placed[stage] ?? from;
    return to === from ? [] : [{ from, to }];
  });
  if (moved.length === 0) return { plan, moved };
  const stages = plan.stages
    .map((stage, i) => ({ ...stage, afterLayer: placed[i] ?? stage.afterLayer }))
    .filter((stage, i) => stage.afterLayer !== placed[i + 1]);
  const accumulateLayers = movedAccumulation(plan, wanted, placed);
  return { plan: { ...plan, stages, accumulateLayers }, moved };
}

/** A way to place the first few prunes. */
interface Placement {
  readonly depths: readonly number[];
  /** Prunes that share the depth of the one before. */
  readonly shared: number;
  /** How far the prunes were moved, in sum. */
  readonly distance: number;
}

/** Depths out of `allowed`, in order, as near to `wanted` as can be. */
function nearestDepths(wanted: readonly number[], allowed: readonly number[]): readonly number[] {
  const rising = [...new Set(allowed)].sort((a, b) => a - b);
  const start: Placement = { depths: [], shared: 0, distance: 0 };
  // The best placement of the first i prunes that ends at each depth, for i = 1, 2, ...
  let best: readonly (Placement | null)[] = [];
  wanted.forEach((depth, stage) => {
    let before: Placement | null = stage === 0 ? start : null;
    best = rising.map((candidate, at) => {
      const here = best[at] ?? null;
      const sharing = here && { ...here, shared: here.shared + 1 };
      const from = nearer(before, sharing);
      before = nearer(before, here);
      return (
        from && {
          depths: [...from.depths, candidate],
          shared: from.shared,
          distance: from.distance + Math.abs(candidate - depth),
        }
      );
    });
  });
  const nearest = best.reduce(nearer, null);
  if (nearest) return nearest.depths;
  throw new TransPruneError(
    'INVALID_PLAN',
    'expected a decoder with a layer, after the first, that has attention to be read at a prune, got none',
    { field: 'stages.afterLayer', got: wanted },
  );
}

/** The placement that shares less, then of less distance; of equal ones the second, the deeper. */
function nearer(first: Placement | null, second: Placement | null): Placement | null {
  if (!first || !second) return first ?? second;
  const order = second.shared - first.shared || second.distance - first.distance;
  return order <= 0 ? second : first;
}

function movedAccumulation(
  plan: PrunePlan,
  wanted: readonly number[],
  placed: readonly number[],
): readonly number[] {
  const run = (depths: readonly number[]) => {
    const [first = 1, last = 0] = [depths[0], depths.at(-1)];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  };
  const { accumulateLayers: layers } = plan;
  const depths = [...new Set(placed)];
  const isCarried = carriesTransition(plan);
  if (!isCarried && layers.join() === wanted.join()) return depths;
  if (layers.join() === run(wanted).join()) return run(placed);
  const missing = (isCarried ? depths.slice(0, 1) : depths).filter((depth, stage) => {
    const before = depths[stage - 1] ?? 0;
    return !layers.some((layer) => layer > before && layer <= depth);
  });
  if (missing.length === 0) return layers;
  return isCarried ? [...missing, ...layers] : [...missing, ...layers].sort((a, b) => a - b);
}
