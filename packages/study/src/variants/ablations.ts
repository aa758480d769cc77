/** The paper's ablations of TransPrune-High, and its supplement's table 2. */
import {
  createPlan,
  directions,
  type PrunePlan,
  TransPruneError,
  transpruneWith,
  validatePlan,
} from '@transprune/core';
import type { Variant } from './variant.js';

/**
 * TransPrune-High, then its changes; those that a decoder is not deep enough for, or that change nothing there, are left
 * out.
 *
 * @param plan TransPrune-High for the decoder
 */
export function ablationsOf(plan: PrunePlan, layers: number): Variant[] {
  const { stages, accumulateLayers } = plan;
  const first = Math.max(1, Math.min(stages[0]?.afterLayer ?? 1, Math.round((6 * layers) / 32)));
  const early = Array.from({ length: first }, (_, at) => at + 1);
  const changes: Record<string, Partial<PrunePlan>> = {
    'TransPrune-High': {},
    'transition alone': { method: 'transition' },
    'instruction alone': { method: 'instruction' },
    'magnitude alone': { transitionParts: 'magnitude' },
    'direction alone': { transitionParts: 'direction' },
    'no accumulation: the layer before each prune': {
      accumulation: 'per-stage',
      accumulateLayers: stages.map(({ afterLayer }) => afterLayer),
    },
    [`accumulation of the first layers, 1 to ${first}`]: { accumulateLayers: early },
    ...Object.fromEntries(
      directions
        .filter((direction) => direction !== plan.direction)
        .map((direction) => [`direction ${direction}`, { direction }]),
    ),
    'alpha .4': { method: transpruneWith({ alpha: 0.4 }) },
    'alpha .6': { method: transpruneWith({ alpha: 0.6 }) },
    'alpha .5, as printed: not normalised': {
      method: transpruneWith({ alpha: 0.5, normalized: false }),
    },
    'positions kept': { positions: 'keep' },
    ...Object.fromEntries(
      [0.9, 0.7, 0.5].map((keepMass) => [
        `keep mass ${`${keepMass}`.slice(1)}, from Low’s last ratio on`,
        { keepMass, keepFloor: 0.0625 },
      ]),
    ),
    ...Object.fromEntries(
      [-2, -1, 1, 2].map((shift) => [
        `prunes ${Math.abs(shift)} ${shift < 0 ? 'earlier' : 'later'}`,
        {
          stages: stages.map((stage) => ({ ...stage, afterLayer: stage.afterLayer + shift })),
          accumulateLayers: accumulateLayers.map((layer) => layer + shift),
        },
      ]),
    ),
  };
  const own = JSON.stringify(createPlan(plan));
  return Object.entries(changes)
    .map(([name, change]) => ({ name, plan: createPlan({ ...plan, ...change }) }))
    .filter(({ plan }, at) => fits(plan, layers) && (at === 0 || JSON.stringify(plan) !== own));
}

/** Whether a decoder is deep enough. */
function fits(plan: PrunePlan, layers: number): boolean {
  try {
    validatePlan(plan, layers);
    return true;
  } catch (error) {
    if (TransPruneError.isInstance(error)) return false;
    throw error;
  }
}
