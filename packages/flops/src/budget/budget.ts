/** Finds a schedule for a budget. */
import { type PrunePlan, reducedTokens, TransPruneError, validatePlan } from '@transprune/core';
import { type FullCostOptions, fullCost } from '../full/full.js';
import type { Model } from '../model/model.js';
import { tokensPerLayer } from '../tokens.js';

/**
 * What a plan may cost, by one of:
 * - `tflops`: of the whole prefill, vision and scoring included, in 10^12 floating point operations
 * - `speedup`: of the decoder's prefill by the FLOPs, scoring included, at least
 * - `keepAverage`: share of the image tokens that a layer sees, over all layers, above 0 and up to 1
 * - `averageImageTokens`: image tokens that a layer sees, over all layers
 */
export type Budget =
  | { readonly tflops: number }
  | { readonly speedup: number }
  | { readonly keepAverage: number }
  | { readonly averageImageTokens: number };

export interface BudgetedPlan {
  readonly plan: PrunePlan;
  /** What it comes to, in the budget's own measure. */
  readonly reached: number;
}

/** Keep ratios are written with so many digits, rounded down. */
const digits = 4;

/** Bisections: enough for those digits. */
const rounds = 30;

/** The harshest schedule that is tried: keep ratios to this power. */
const largestPower = 64;

/**
 * The mildest schedule within a budget. Prunes stay where a plan has them; its keep ratios are raised to one
 * power: 1 is the plan itself, 0 keeps everything, more than 1 is harsher. So the shape of a schedule stays, and
 * there is one answer. This rule is the project's own.
 *
 * @throws TransPruneError INVALID_PLAN if the plan does not prune; INVALID_ARGUMENT for a budget that is none, or
 *   that no schedule with these prunes comes to, with the least that one does
 */
export function planForBudget(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: FullCostOptions,
): BudgetedPlan {
  const found = search(model, plan, budget, options);
  if ('plan' in found) return found;
  const [[name, value]] = Object.entries(budget) as [[string, number]];
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a budget that prunes after layers ${plan.stages.map(({ afterLayer }) => afterLayer).join(', ')} can reach (${name} from ${format(found.mildest)} to ${format(reachable(found.harshest, found.mildest))}), got ${value}; prune earlier, or ask for less`,
    { field: name, got: value },
  );
}

/**
 * As `planForBudget`, for whoever tries budgets.
 *
 * @returns undefined if no schedule with these prunes comes to the budget: they come too late for it
 * @throws TransPruneError INVALID_PLAN if the plan does not prune; INVALID_ARGUMENT for a budget that is none
 */
export function planWithinBudget(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: FullCostOptions,
): BudgetedPlan | undefined {
  const found = search(model, plan, budget, options);
  return 'plan' in found ? found : undefined;
}

/** What schedules come to where none is within the budget, in the budget's own measure. */
interface Reach {
  readonly mildest: number;
  readonly harshest: number;
}

function search(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: FullCostOptions,
): BudgetedPlan | Reach {
  const layers = model.decoder.layers.length;
  validatePlan(plan, layers);
  if (!plan.stages.some(({ keepRatio }) => keepRatio < 1)) {
    throw new TransPruneError(
      'INVALID_PLAN',
      'expected a plan with a prune, whose keep ratios can be fitted to the budget, got one that keeps everything',
      { field: 'stages' },
    );
  }
  const { measure, isWithin } = measureOf(model, budget, options);
  const at = (power: number): BudgetedPlan => {
    const powered = withPower(plan, power);
    return { plan: powered, reached: measure(powered) };
  };
  const mildest = at(0);
  if (isWithin(mildest.reached)) return mildest;
  const harshest = at(largestPower);
  if (!isWithin(harshest.reached)) {
    return { mildest: mildest.reached, harshest: harshest.reached };
  }
  let [within, mild] = [largestPower, 0];
  for (let round = 0; round < rounds; round++) {
    const power = (within + mild) / 2;
    if (isWithin(at(power).reached)) within = power;
    else mild = power;
  }
  return at(within);
}

interface Measure {
  measure(plan: PrunePlan): number;
  isWithin(reached: number): boolean;
}

function measureOf(model: Model, budget: Budget, options: FullCostOptions): Measure {
  const atMost = (value: number) => (reached: number) => reached <= value;
  const layers = model.decoder.layers.length;
  const { imageTokens, reduction } = options;
  const fed = reduction ? reducedTokens(reduction, imageTokens) : imageTokens;
  const average = (plan: PrunePlan) => {
    const tokens = tokensPerLayer(plan, layers, fed);
    return tokens.reduce((sum, count) => sum + count, 0) / layers;
  };
  if ('tflops' in budget) {
    const value = above(0, 'tflops', budget.tflops);
    // A multiply-add is two floating point operations.
    const measure = (plan: PrunePlan) =>
      (2 * fullCost(model, plan, options).plan.prefill.total) / 1e12;
    return { measure, isWithin: atMost(value) };
  }
  if ('speedup' in budget) {
    const value = above(1, 'speedup', budget.speedup);
    const measure = (plan: PrunePlan) => fullCost(model, plan, options).speedupWithScoring;
    return { measure, isWithin: (reached) => reached >= value };
  }
  if ('keepAverage' in budget) {
    const value = above(0, 'keepAverage', budget.keepAverage);
    if (value > 1) throw wrongBudget('keepAverage', 'from above 0 to 1', value);
    return { measure: (plan) => average(plan) / imageTokens, isWithin: atMost(value) };
  }
  const value = above(0, 'averageImageTokens', budget.averageImageTokens);
  return { measure: average, isWithin: atMost(value) };
}

function above(least: number, name: string, value: number): number {
  if (value > least && Number.isFinite(value)) return value;
  throw wrongBudget(name, `above ${least}`, value);
}

function wrongBudget(name: string, expected: string, value: number): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `${name} must be a number ${expected}, got ${value}`,
    { field: name, got: value },
  );
}

function withPower(plan: PrunePlan, power: number): PrunePlan {
  const unit = 10 ** digits;
  const stages = plan.stages.map(({ afterLayer, keepRatio }) => ({
    afterLayer,
    keepRatio: Math.max(1, Math.floor(keepRatio ** power * unit)) / unit,
  }));
  return { ...plan, stages };
}

const figures = 4;
const format = (value: number) => value.toPrecision(figures);

/** Rounded to what is milder: a budget of the figure that is printed can be reached. */
function reachable(harshest: number, mildest: number): number {
  const unit = 10 ** (Math.floor(Math.log10(harshest)) + 1 - figures);
  return (harshest < mildest ? Math.ceil : Math.floor)(harshest / unit) * unit;
}
