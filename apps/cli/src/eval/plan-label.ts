import {
  carriesTransition,
  methodNameOf,
  methodOf,
  type PrunePlan,
  type Reduction,
} from '@transprune/core';
import { layerRanges } from '../show/units.js';

/** A plan and what goes before it in a line: two that drop different tokens have different ones. */
export function planLabel(plan: PrunePlan, reduction?: Reduction): string {
  if (!reduction) return decoderLabel(plan);
  const before = `${reduction.method} to ${reduction.tokens}`;
  return plan.stages.length === 0 ? before : `${before}, ${decoderLabel(plan)}`;
}

function decoderLabel(plan: PrunePlan): string {
  const { stages, accumulateLayers, direction, transitionParts, positions, perImage, seed } = plan;
  const { keepMass, keepFloor = 0 } = plan;
  if (stages.length === 0) return 'unpruned';
  const { needs } = methodOf(plan);
  const kept = stages.map(({ afterLayer, keepRatio }) => `${afterLayer}:${keepRatio}`);
  return [
    methodNameOf(plan),
    ...kept,
    ...(needs.includes('transition')
      ? [
          `of layers ${layerRanges(accumulateLayers)}`,
          ...(carriesTransition(plan) ? [] : ['per stage']),
          direction,
          transitionParts ?? 'both',
        ]
      : []),
    ...(needs.includes('noise') ? [`seed ${seed}`] : []),
    `positions ${positions}`,
    ...(perImage ? ['per image'] : []),
    ...(keepMass === undefined ? [] : [`mass ${keepMass} from ${keepFloor}`]),
  ].join(' ');
}
