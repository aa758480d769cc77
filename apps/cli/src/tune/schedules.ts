/** Which plans are compared: the presets, a grid of prune layers and costs, and random choice at each cost. */
import {
  type AccumulationMode,
  createPlan,
  type MethodName,
  methodOf,
  type PositionMode,
  type PrunePlan,
  presetNames,
  settlePlan,
  withMethod,
} from '@transprune/core';
import { fullCost, planWithinBudget, tokensPerLayer } from '@transprune/flops';
import { type Decoder, fitPlan } from '@transprune/onnx';
import type { Costing } from '../model/costing.js';
import { sizesAreKnown } from '../model/sizes.js';
import { choosePlan } from '../options/plan-options.js';

/** One way to answer that is measured. */
export interface Schedule {
  readonly name: string;
  /** Those that differ in their keep ratios alone; a line of the plot. */
  readonly family: string;
  readonly plan: PrunePlan;
  /** True of what others are held against, and which is no choice itself. */
  readonly isBaseline: boolean;
}

export interface ScheduleOptions {
  readonly method: MethodName;
  /** Of all plans; what the decoder goes by if left out. */
  readonly positions?: PositionMode;
  /** Of all plans that score by the token transition; `cumulative` if left out. */
  readonly accumulation?: AccumulationMode;
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
 * The presets, the same prunes earlier, there and later at each cost, and random choice at the cost of each.
 *
 * @throws TransPruneError INVALID_PLAN for a decoder that the presets cannot be scaled to
 */
export function schedulesFor(
  decoding: Decoding,
  { method, positions, accumulation, costs }: ScheduleOptions,
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
  const fit = (plans: readonly PrunePlan[], cost: number, isBaseline: boolean): Schedule[] => {
    const [shape, ...others] = plans.map(
      (plan) => fitPlan(settlePlan(plan, decoder), decoder).plan,
    );
    if (!shape) return [];
    const plan = atCost(decoding, nearest(decoding, [shape, ...others], cost), cost);
    const family = familyOf(shape);
    const name = `${family} at ${Math.round(100 * cost)} %`;
    if (!plan) leftOut.push(`${name}: these prunes come too late for it`);
    return plan ? [{ name, family, plan, isBaseline }] : [];
  };
  const own = presets.map(({ name, plan: preset }): Schedule => {
    const { plan } = fitPlan(settlePlan(preset, decoder), decoder);
    const called = name.replace('transprune', method);
    return { name: called, family: familyOf(plan), plan, isBaseline: false };
  });
  const step = Math.max(1, Math.round(layers / 12));
  const grid = [-step, 0, step].flatMap((by) => {
    const shifted = standards.flatMap((plan) => shiftedBy(by, plan, layers));
    return costs.flatMap((cost) => fit(shifted, cost, false));
  });
  // Nothing is scored: more tokens at the same cost.
  const random = standards.map((plan) => withMethod(plan, 'random'));
  const baselines = [...own.map(({ plan }) => costOf(decoding, plan)), ...costs].flatMap((cost) =>
    fit(random, cost, true),
  );
  return { schedules: toldApart(withoutTwins([...own, ...grid, ...baselines])), leftOut };
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

/** Method and prune layers. */
function familyOf({ method, stages }: PrunePlan): string {
  const after = stages.map(({ afterLayer }) => afterLayer).join(', ');
  return `${typeof method === 'string' ? method : method.name} after ${after}`;
}

/**
 * The share of the unpruned decoder's prefill that a plan costs, scoring included, counted in FLOPs; in image tokens
 * where the graph does not tell its FLOPs.
 */
export function costOf({ decoder, costing }: Decoding, plan: PrunePlan): number {
  const { model, ...tokens } = costing;
  if (sizesAreKnown(decoder)) return 1 / fullCost(model, plan, tokens).speedupWithScoring;
  const layers = decoder.layers.length;
  const seen = tokensPerLayer(plan, layers, tokens.imageTokens);
  return seen.reduce((sum, count) => sum + count, 0) / (layers * tokens.imageTokens);
}

/** Its keep ratios, fitted to a share of the unpruned cost; undefined if the prunes come too late for it. */
function atCost({ decoder, costing }: Decoding, plan: PrunePlan, cost: number) {
  const { model, ...tokens } = costing;
  const budget = sizesAreKnown(decoder) ? { speedup: 1 / cost } : { keepAverage: cost };
  return planWithinBudget(model, plan, budget, tokens)?.plan;
}

/** Without those that drop the same tokens as one before. */
function withoutTwins(schedules: readonly Schedule[]): Schedule[] {
  const seen = new Set<string>();
  return schedules.filter(({ plan }) => {
    const key = JSON.stringify(plan);
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

/** Schedules that one decoder serves, whose keep ratios are an input: those of one method and the same prune layers. */
export function byDecoder(schedules: readonly Schedule[]): readonly Schedule[][] {
  const groups = new Map<string, Schedule[]>();
  for (const schedule of schedules) {
    const { stages, ...rest } = schedule.plan;
    const key = JSON.stringify([
      { ...rest, method: methodOf(schedule.plan).name },
      stages.map(({ afterLayer }) => afterLayer),
    ]);
    groups.set(key, [...(groups.get(key) ?? []), schedule]);
  }
  return [...groups.values()];
}
