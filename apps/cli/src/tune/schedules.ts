/** Which plans are compared: the presets, a grid of prune layers and costs, and random choice at each cost. */
import {
  type AccumulationMode,
  createPlan,
  type MethodName,
  methodNameOf,
  methodOf,
  type PositionMode,
  type PrunePlan,
  presetNames,
  type Reduction,
  reducedTokens,
  settlePlan,
  withMethod,
} from '@transprune/core';
import { fullCost, leastFittedRatio, planWithinBudget, tokensPerLayer } from '@transprune/flops';
import { type Decoder, fitPlan } from '@transprune/onnx';
import { planLabel } from '../eval/plan-label.js';
import type { Costing } from '../model/costing.js';
import { sizesAreKnown } from '../model/sizes.js';
import { choosePlan } from '../options/plan-options.js';

/** One way to answer that is measured. */
export interface Schedule {
  readonly name: string;
  /** Those that differ in their keep ratios alone; a line of the plot. */
  readonly family: string;
  readonly plan: PrunePlan;
  /** Goes before the plan, which prunes what is left. */
  readonly reduction?: Reduction | undefined;
  /** True of what others are held against, and which is no choice itself. */
  readonly isBaseline: boolean;
}

/** Whether it leaves the model as it is. */
export const isUnpruned = ({ plan, reduction }: Pick<Schedule, 'plan' | 'reduction'>) =>
  plan.stages.length === 0 && !reduction;

export interface ScheduleOptions {
  readonly method: MethodName;
  /** Of all plans; what the decoder goes by if left out. */
  readonly positions?: PositionMode;
  /** Of all plans that score by the token transition; `cumulative` if left out. */
  readonly accumulation?: AccumulationMode;
  /** Compared besides, alone and before the presets' prunes. */
  readonly reduction?: Reduction | undefined;
  /** Shares of the unpruned cost, from 0 to 1. */
  readonly costs: readonly number[];
}

export interface Schedules {
  readonly schedules: readonly Schedule[];
  /** What the decoder cannot do, in words. */
  readonly leftOut: readonly string[];
}

/** A decoder, and what its plans cost. */
export interface Decoding {
  readonly decoder: Decoder;
  readonly costing: Costing;
}

/** What all are held against. */
export function unprunedSchedule(decoder: Decoder): Schedule {
  const plan = settlePlan(createPlan({ stages: [] }), decoder);
  return { name: 'unpruned', family: 'unpruned', plan, isBaseline: false };
}

/**
 * The presets, the same prunes earlier, there and later at each cost, a reduction alone and with these prunes after it,
 * and random choice at the cost of each.
 *
 * @throws TransPruneError INVALID_PLAN for a decoder that the presets cannot be scaled to
 */
export function schedulesFor(
  decoding: Decoding,
  { method, positions, accumulation, reduction, costs }: ScheduleOptions,
): Schedules {
  const { decoder } = decoding;
  const layers = decoder.layers.length;
  const given = {
    method,
    ...(positions && { positions }),
    ...(accumulation && { accumulation }),
  };
  const presets = presetNames
    .filter((name) => name !== 'none')
    .map((name) => ({ name, plan: choosePlan({ preset: name, ...given }, layers).plan }));
  const standards = presets.map(({ plan }) => plan);
  const leftOut: string[] = [];
  const fit = (
    plans: readonly PrunePlan[],
    cost: number,
    { isBaseline = false, reduction }: Partial<Pick<Schedule, 'isBaseline' | 'reduction'>> = {},
  ): Schedule[] => {
    const [shape, ...others] = plans.map(
      (plan) => fitPlan(settlePlan(plan, decoder), decoder).plan,
    );
    if (!shape) return [];
    const plan = atCost(decoding, nearest(decoding, [shape, ...others], cost), cost, reduction);
    const family = familyOf(shape, reduction);
    const name = `${family} at ${Math.round(100 * cost)} %`;
    if (!plan) {
      const least = `would keep under ${leastFittedRatio} of the image`;
      leftOut.push(`${name}: these prunes come too late for it, or ${least}`);
    }
    return plan ? [{ name, family, plan, isBaseline, ...(reduction && { reduction }) }] : [];
  };
  const own = presets.map(({ name, plan: preset }): Schedule => {
    const { plan } = fitPlan(settlePlan(preset, decoder), decoder);
    const called = name.replace('transprune', method);
    return { name: called, family: familyOf(plan), plan, isBaseline: false };
  });
  const step = Math.max(1, Math.round(layers / 12));
  const grid = [-step, 0, step].flatMap((by) => {
    const shifted = standards.flatMap((plan) => shiftedBy(by, plan, layers));
    return costs.flatMap((cost) => fit(shifted, cost));
  });
  const before = reduction ? [alone(decoding, reduction)] : [];
  const after = before.flatMap(({ plan, isBaseline }) => {
    // Where it costs no more by itself, nothing is left to be saved.
    const open = costs.filter((cost) => cost < costOf(decoding, plan, reduction));
    return open.flatMap((cost) => fit(standards, cost, { isBaseline, reduction }));
  });
  // Nothing is scored: more tokens at the same cost.
  const random = standards.map((plan) => withMethod(plan, 'random'));
  const reached = [...own, ...before].map((each) => costOf(decoding, each.plan, each.reduction));
  // Where a prompt has few image tokens, scoring may cost more than is saved.
  const saving = reached.filter((cost) => cost < 1);
  const baselines = [...saving, ...costs].flatMap((cost) =>
    fit(random, cost, { isBaseline: true }),
  );
  const schedules = [...own, ...grid, ...before, ...after, ...baselines];
  return { schedules: toldApart(withoutTwins(schedules)), leftOut };
}

/** A reduction without a prune after it. */
function alone({ decoder }: Decoding, reduction: Reduction): Schedule {
  const { plan } = unprunedSchedule(decoder);
  const name = planLabel(plan, reduction);
  return { name, family: name, plan, reduction, isBaseline: reduction.method === 'random' };
}

/** The plan whose cost is the nearest: ratios that are fitted far from their shape drop nearly all at one prune. */
function nearest(decoding: Decoding, plans: readonly [PrunePlan, ...PrunePlan[]], cost: number) {
  const far = (plan: PrunePlan) => Math.abs(costOf(decoding, plan) - cost);
  return plans.reduce((best, plan) => (far(plan) < far(best) ? plan : best));
}

/** The same prunes so many layers deeper; nothing where there is no room. */
function shiftedBy(by: number, plan: PrunePlan, layers: number): PrunePlan[] {
  const stages = plan.stages.map((stage) => ({ ...stage, afterLayer: stage.afterLayer + by }));
  const accumulateLayers = plan.accumulateLayers.map((layer) => layer + by);
  const isInside = ({ afterLayer }: { afterLayer: number }) =>
    afterLayer >= 1 && afterLayer < layers;
  if (!stages.every(isInside) || accumulateLayers.some((layer) => layer < 1)) return [];
  return [{ ...plan, stages, accumulateLayers }];
}

/** What goes before it, method and prune layers. */
function familyOf(plan: PrunePlan, reduction?: Reduction): string {
  const after = plan.stages.map(({ afterLayer }) => afterLayer).join(', ');
  const before = reduction ? `${reduction.method} to ${reduction.tokens}, ` : '';
  return `${before}${methodNameOf(plan)} after ${after}`;
}

/**
 * The share of the unpruned decoder's prefill that a plan costs, scoring and a reduction before it included, counted in
 * FLOPs; in image tokens where the graph does not tell its FLOPs.
 */
export function costOf(
  { decoder, costing }: Decoding,
  plan: PrunePlan,
  reduction?: Reduction,
): number {
  const { model, ...tokens } = costing;
  if (sizesAreKnown(decoder)) {
    return 1 / fullCost(model, plan, { ...tokens, reduction }).speedupWithScoring;
  }
  const layers = decoder.layers.length;
  const fed = reduction ? reducedTokens(reduction, tokens.imageTokens) : tokens.imageTokens;
  const seen = tokensPerLayer(plan, layers, fed);
  return seen.reduce((sum, count) => sum + count, 0) / (layers * tokens.imageTokens);
}

/** Its keep ratios, fitted to a share of the unpruned cost; undefined if the prunes come too late for it, or would keep next to nothing. */
function atCost(
  { decoder, costing }: Decoding,
  plan: PrunePlan,
  cost: number,
  reduction: Reduction | undefined,
) {
  const { model, ...tokens } = costing;
  const budget = sizesAreKnown(decoder) ? { speedup: 1 / cost } : { keepAverage: cost };
  return planWithinBudget(model, plan, budget, { ...tokens, reduction })?.plan;
}

/** Without those that drop the same tokens as one before. */
function withoutTwins(schedules: readonly Schedule[]): Schedule[] {
  const seen = new Set<string>();
  return schedules.filter(({ plan, reduction }) => {
    const key = JSON.stringify([plan, reduction]);
    return !seen.has(key) && seen.add(key);
  });
}

/** Costs that round to one percent are told apart by their keep ratios: a name stands for one schedule. */
function toldApart(schedules: readonly Schedule[]): Schedule[] {
  return schedules.map((schedule) => {
    const { name, plan } = schedule;
    if (schedules.filter((other) => other.name === name).length === 1) return schedule;
    const ratios = plan.stages.map(({ keepRatio }) => keepRatio).join(', ');
    return { ...schedule, name: `${name} (${ratios})` };
  });
}

/**
 * Schedules that one decoder serves, whose keep ratios are an input: those of one method and the same prune layers, with
 * the same before them.
 */
export function byDecoder(schedules: readonly Schedule[]): readonly Schedule[][] {
  const groups = new Map<string, Schedule[]>();
  for (const schedule of schedules) {
    const { stages, ...rest } = schedule.plan;
    const key = JSON.stringify([
      { ...rest, method: methodOf(schedule.plan).name },
      stages.map(({ afterLayer }) => afterLayer),
      schedule.reduction,
    ]);
    groups.set(key, [...(groups.get(key) ?? []), schedule]);
  }
  return [...groups.values()];
}
