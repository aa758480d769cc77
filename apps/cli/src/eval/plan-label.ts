import { methodNameOf, methodOf, type PrunePlan } from '@transprune/core';
import { layerRanges } from '../show/units.js';

/** A plan in a line: two that drop different tokens have different ones. */
export function planLabel(plan: PrunePlan): string {
  const { stages, accumulateLayers, direction, transitionParts, positions, perImage, seed } = plan;
  if (stages.length === 0) return 'unpruned';
  const { needs } = methodOf(plan);
  const kept = stages.map(({ afterLayer, keepRatio }) => `${afterLayer}:${keepRatio}`);
  return [
    methodNameOf(plan),
    ...kept,
    ...(needs.includes('transition')
      ? [`of layers ${layerRanges(accumulateLayers)}`, direction, transitionParts ?? 'both']
      : []),
    ...(needs.includes('noise') ? [`seed ${seed}`] : []),
    `positions ${positions}`,
    ...(perImage ? ['per image'] : []),
  ].join(' ');
}
