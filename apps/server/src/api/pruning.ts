/** What a request keeps of its images, and what a reply says about it. */
import {
  didYouMean,
  methodNameOf,
  type PrunePlan,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import type { ModelFacts } from '../engine/model-facts.js';
import { badRequest } from './errors.js';
import type { PruningRequest } from './schemas/common.js';

export type Detail = 'low' | 'high' | 'auto';

/** What is kept in one request. */
export interface ChosenPruning {
  readonly preset: string | null;
  /** With the request's ratios. */
  readonly plan: PrunePlan;
  readonly trace: boolean;
}

/** Presets that stand for the API's names. */
const presetOfDetail = { low: 'transprune-low', high: 'transprune-high' } as const;

/**
 * Chooses: what `pruning` says goes before the `detail` of the images, which goes before the server's plan.
 *
 * @throws ApiError 400 for what the loaded model cannot do
 */
export function choosePruning(
  facts: ModelFacts,
  { preset, keepRatios, method, trace = false }: PruningRequest = {},
  details: readonly Detail[] = [],
): ChosenPruning {
  const { plan } = facts;
  if (method !== undefined && method !== methodNameOf(plan)) {
    throw badRequest(
      'unsupported_value',
      `expected the method that the model was loaded with, ${methodNameOf(plan)}, got ${method}`,
      'pruning.method',
    );
  }
  if (keepRatios) return { preset: null, plan: withRatios(facts, keepRatios), trace };
  const chosen = preset ?? presetOfDetails(facts, details);
  if (chosen === null) return { preset: null, plan, trace };
  const ratios = Object.hasOwn(facts.presets, chosen) ? facts.presets[chosen] : undefined;
  if (ratios) return { preset: chosen, plan: withRatios(facts, ratios), trace };
  // The server's own preset, for a plan without prunes.
  if (chosen === facts.preset) return { preset: chosen, plan, trace };
  throw badRequest(
    'unsupported_value',
    `expected one of the presets that this model can run (${Object.keys(facts.presets).join(', ')}), got ${chosen}${didYouMean(chosen, Object.keys(facts.presets))}`,
    'pruning.preset',
  );
}

/** The most generous image decides. */
function presetOfDetails({ preset, presets }: ModelFacts, details: readonly Detail[]) {
  const has = (name: string) => Object.hasOwn(presets, name);
  const { low, high } = presetOfDetail;
  if (details.includes('high') && has(high)) return high;
  const isAllLow = details.length > 0 && details.every((detail) => detail === 'low');
  return isAllLow && has(low) ? low : preset;
}

function withRatios({ plan, layers }: ModelFacts, ratios: readonly number[]): PrunePlan {
  const param = 'pruning.keepRatios';
  if (ratios.length !== plan.stages.length) {
    throw badRequest(
      'invalid_value',
      `expected ${plan.stages.length} keep ratios, one for each prune of the loaded model, got ${ratios.length}`,
      param,
    );
  }
  const stages = plan.stages.map((stage, at) => ({ ...stage, keepRatio: ratios[at] ?? 1 }));
  const chosen = { ...plan, stages };
  try {
    validatePlan(chosen, layers);
  } catch (error) {
    if (TransPruneError.isInstance(error)) throw badRequest('invalid_value', error.message, param);
    throw error;
  }
  return chosen;
}
