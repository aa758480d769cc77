/** What `tune` found, as one document: what `--json` prints, and what tables and pictures show. */
import {
  carriesTransition,
  methodNameOf,
  methodOf,
  type PositionMode,
  type PrunePlan,
  type Reduction,
  readsTransition,
} from '@transprune/core';
import type { Estimate, Problem } from '@transprune/eval';
import { layerRanges } from '../show/units.js';
import { type Aim, fewestQuestions, paretoFront, recommend } from './recommend.js';
import type { Result, Results } from './results.js';
import { isUnpruned, type Schedule } from './schedules.js';

/** One schedule. Shares are from 0 to 1. */
export interface TunedSchedule {
  readonly name: string;
  readonly family: string;
  readonly isBaseline: boolean;
  readonly plan: PrunePlan;
  /** Goes before the plan. */
  readonly reduction?: Reduction | undefined;
  /** Of the command line, for this plan. */
  readonly options: string;
  /** Share of the unpruned prefill's cost, counted. */
  readonly cost: number;
  /** Share of the unpruned's time to answer; null, as the times, if no question that is timed was answered by both. */
  readonly time: Estimate | null;
  readonly answerMs: number | null;
  readonly prefillMs: number | null;
  /** Null if no question could be compared. */
  readonly accuracy: Estimate | null;
  /** Less the unpruned's accuracy. */
  readonly difference: Estimate | null;
  readonly isOnFront: boolean;
}

export interface TuneReport {
  readonly model: string;
  readonly source: string;
  readonly device: string;
  readonly answers: string;
  readonly questions: number;
  /** Questions that all schedules answered and whose truth is known. */
  readonly compared: number;
  readonly withoutTruth: number;
  /** The prompts' medians, for which costs are counted. */
  readonly imageTokens: number;
  readonly textTokens: number;
  readonly tolerance: number;
  readonly aim: Aim;
  /** Of all plans, where the user asked for it. */
  readonly positions?: PositionMode | undefined;
  readonly schedules: readonly TunedSchedule[];
  /** Null where `candidate` is, and where questions are too few to recommend a plan that prunes. */
  readonly recommended: Candidate | null;
  /** The cheapest within the tolerance at these questions; null if none could be compared. */
  readonly candidate: Candidate | null;
  /** Fewest questions by which a plan is recommended; null if no number tells, of no tolerance. */
  readonly fewestQuestions: number | null;
  /**
   * What the rule loses at questions that it does not choose by, less the unpruned: at each third of the pictures, the
   * plan that it chooses by the other two. Null if no question could be compared.
   */
  readonly heldOut: Estimate | null;
  readonly leftOut: readonly string[];
  readonly problems: readonly Problem[];
  readonly failures: readonly Problem[];
}

export interface Candidate {
  readonly name: string;
  readonly options: string;
  /** Whether `heldOut` rules out that more than the tolerance is lost. */
  readonly isCertain: boolean;
  /** A baseline that is as good at no more cost; beside the unpruned, one that is cheaper and within the tolerance. */
  readonly random: string | null;
}

type Found = 'schedules' | 'recommended' | 'candidate' | 'fewestQuestions' | 'heldOut';
type Facts = Omit<TuneReport, Found | 'compared' | 'withoutTruth'>;

/** @param heldOut as `lossHeldOut` finds it */
export function tuneReport(
  { results, compared, withoutTruth }: Pick<Results, 'results' | 'compared' | 'withoutTruth'>,
  facts: Facts,
  heldOut: Estimate | null,
): TuneReport {
  const { tolerance, aim, positions } = facts;
  const front = paretoFront(results, aim);
  const found = compared > 0 ? recommend(results, tolerance, aim) : undefined;
  const candidate = found
    ? {
        name: found.result.schedule.name,
        options: planOptions(found.result.schedule, positions),
        isCertain:
          isUnpruned(found.result.schedule) || (heldOut !== null && heldOut.low >= -tolerance),
        random: found.random?.schedule.name ?? null,
      }
    : null;
  const fewest = fewestQuestions(tolerance);
  const isEnough = fewest !== null && compared >= fewest;
  return {
    ...facts,
    ...{ compared, withoutTruth, candidate, heldOut, fewestQuestions: fewest },
    schedules: results.map((result) => tuned(result, front.has(result), positions)),
    recommended: found && (isEnough || isUnpruned(found.result.schedule)) ? candidate : null,
  };
}

function tuned(
  { schedule, ...measured }: Result,
  isOnFront: boolean,
  positions: PositionMode | undefined,
): TunedSchedule {
  return { ...schedule, ...measured, options: planOptions(schedule, positions), isOnFront };
}

/**
 * A plan, and what goes before it, as options of the command line.
 *
 * @param positions if they are not what the decoder goes by
 */
export function planOptions(
  { plan, reduction }: Pick<Schedule, 'plan' | 'reduction'>,
  positions?: PositionMode,
): string {
  const before = reduction ? [`--reduce ${reduction.method} --reduce-to ${reduction.tokens}`] : [];
  const { stages, accumulateLayers } = plan;
  const layers = stages.map(({ afterLayer }) => afterLayer);
  const [first = 1, last = 0] = [layers[0], layers.at(-1)];
  if (layers.length === 0) return ['--preset none', ...before].join(' ');
  const method = methodNameOf(plan);
  const span = layerRanges(accumulateLayers).replaceAll(' ', '');
  const usual = layerRanges(Array.from({ length: last - first + 1 }, (_, at) => first + at));
  return [
    ...(method === 'transprune' ? [] : [`--method ${method}`]),
    ...(positions ? [`--positions ${positions}`] : []),
    ...(carriesTransition(plan) ? [] : ['--accumulation per-stage']),
    ...(span === usual || !readsTransition(methodOf(plan)) ? [] : [`--accumulate ${span}`]),
    `--prune-after ${layers.join(',')}`,
    `--keep ${stages.map(({ keepRatio }) => keepRatio).join(',')}`,
    ...before,
  ].join(' ');
}
