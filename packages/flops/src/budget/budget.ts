/** Finds a schedule for a budget. */
import { type PrunePlan, reducedTokens, TransPruneError, validatePlan } from '@transprune/core';
import { type FullCostOptions, fullCost } from '../full/full.js';
import type { Model } from '../model/model.js';
import { tokensPerLayer } from '../tokens.js';

/**
 * What a plan may cost, by one of:
 * - `tflops`: of the whole prefill, vision and scoring included, in 10^12 multiply-adds, which papers print as TFLOPs
 * - `speedup`: of the decoder's prefill by the FLOPs, scoring included, at least
 * - `keepAverage`: share of the image tokens that a layer sees, over all layers, above 0 and up to 1
 * - `averageImageTokens`: image tokens that a layer sees, over all layers
 */
export type Budget =
  | { readonly tflops: number }
  | { readonly speedup: number }
  | { readonly keepAverage: number }
  | { readonly averageImageTokens: number };

/** What a budget is counted for, and how far keep ratios may go down. */
export interface BudgetOptions extends FullCostOptions {
  /**
   * Share of the original image tokens that each prune leaves at least, from 0 to 1. If left out the plan's own
   * `keepFloor`, else `leastFittedRatio`, or the plan's last keep ratio where that is lower.
   */
  readonly keepFloor?: number | undefined;
}

/** The last keep ratio of the hardest published preset, transprune-low: below it nobody measured what is left of a picture. */
export const leastFittedRatio = 0.0625;

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
const mostPower = 64;

/**
 * The mildest schedule within a budget. Prunes stay where a plan has them; its keep ratios are raised to one
 * power: 1 is the plan itself, 0 keeps everything, more than 1 is harsher. So the shape of a schedule stays, and
 * there is one answer, whose keep ratios are no lower than a floor. This rule is the project's own.
 *
 * @throws TransPruneError INVALID_PLAN if the plan does not prune; INVALID_ARGUMENT for a budget or a floor that is
 *   none, or a budget that no schedule with these prunes comes to above the floor, with the least that one does
 */
export function planForBudget(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: BudgetOptions,
): BudgetedPlan {
  const found = search(model, plan, budget, options);
  if ('plan' in found) return found;
  const [[name, value]] = Object.entries(budget) as [[string, number]];
  const after = plan.stages.map(({ afterLayer }) => afterLayer).join(', ');
  const { floor, mildest } = found;
  const harshest = reachable(found.harshest, mildest);
  const [least, most] = [Math.min(mildest, harshest), Math.max(mildest, harshest)];
  // With all tokens kept scoring costs a little, so that the gain is just below 1.
  const from = name === 'speedup' ? Math.max(1, least) : least;
  const below = search(model, plan, budget, { ...options, keepFloor: 0 });
  const [left, remedy] =
    'plan' in below
      ? [
          `, which leaves ${lastRatio(below.plan)} of them`,
          'choose a milder budget, or lower keepFloor',
        ]
      : ['', 'or choose a milder budget'];
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a budget that prunes after layers ${after} can reach while each keeps at least ${floor} of the image tokens (${name} from ${format(from)} to ${format(most)}), got ${value}${left}; prune earlier, ${remedy}`,
    { field: name, got: value, keepFloor: floor },
  );
}

/**
 * As `planForBudget`, for whoever tries budgets.
 *
 * @returns undefined if no schedule with these prunes comes to the budget above the floor: they come too late for it
 * @throws TransPruneError INVALID_PLAN if the plan does not prune; INVALID_ARGUMENT for a budget that is none
 */
export function planWithinBudget(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: BudgetOptions,
): BudgetedPlan | undefined {
  const found = search(model, plan, budget, options);
  return 'plan' in found ? found : undefined;
}

/** What schedules come to where none is within the budget, in the budget's own measure. */
interface Reach {
  readonly floor: number;
  readonly mildest: number;
  readonly harshest: number;
}

function search(
  model: Model,
  plan: PrunePlan,
  budget: Budget,
  options: BudgetOptions,
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
  const floor = floorOf(plan, options.keepFloor);
  const largest = largestPower(plan, floor);
  const at = (power: number): BudgetedPlan => {
    const powered = withPower(plan, power, floor);
    return { plan: powered, reached: measure(powered) };
  };
  const mildest = at(0);
  if (isWithin(mildest.reached)) return mildest;
  const harshest = at(largest);
  if (!isWithin(harshest.reached)) {
    return { floor, mildest: mildest.reached, harshest: harshest.reached };
  }
  let [within, mild] = [largest, 0];
  for (let round = 0; round < rounds; round++) {
    const power = (within + mild) / 2;
    if (isWithin(at(power).reached)) within = power;
    else mild = power;
  }
  return at(within);
}

/** @throws TransPruneError INVALID_ARGUMENT for a floor that is no share */
function floorOf(plan: PrunePlan, asked: number | undefined): number {
  const floor = asked ?? plan.keepFloor ?? Math.min(leastFittedRatio, lastRatio(plan));
  if (floor >= 0 && floor <= 1) return floor;
  throw wrongBudget('keepFloor', 'from 0 to 1', floor);
}

/** Keep ratios do not rise from prune to prune: the last is the least. */
const lastRatio = ({ stages }: PrunePlan) => stages.at(-1)?.keepRatio ?? 1;

/** The power at which the last keep ratio is the floor. */
function largestPower(plan: PrunePlan, floor: number): number {
  return floor === 0 ? mostPower : Math.min(mostPower, Math.log(floor) / Math.log(lastRatio(plan)));
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
    const measure = (plan: PrunePlan) => fullCost(model, plan, options).plan.prefill.total / 1e12;
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

function withPower(plan: PrunePlan, power: number, floor: number): PrunePlan {
  const unit = 10 ** digits;
  const rounded = (ratio: number) => Math.max(1, Math.floor(ratio * unit)) / unit;
  const stages = plan.stages.map(({ afterLayer, keepRatio }) => ({
    afterLayer,
    // Rounding and logarithms may go below by a digit.
    keepRatio: Math.max(floor, rounded(keepRatio ** power)),
  }));
  return { ...plan, stages };
}

const figures = 4;
const format = (value: number) => `${Number(value.toPrecision(figures))}`;

/** Rounded to what is milder: a budget of the figure that is printed can be reached. */
function reachable(harshest: number, mildest: number): number {
  const unit = 10 ** (Math.floor(Math.log10(harshest)) + 1 - figures);
  return (harshest < mildest ? Math.ceil : Math.floor)(harshest / unit) * unit;
}
