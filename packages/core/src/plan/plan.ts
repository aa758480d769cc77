import { TransPruneError } from '../errors.js';
import {
  type Method,
  type MethodChoice,
  methodByName,
  methodNames,
  methodOf,
  readsTransition,
} from '../methods/index.js';
import {
  type Direction,
  directions,
  type TransitionForm,
  type TransitionParts,
  transitionParts,
} from '../signals/transition.js';
import { counted, didYouMean } from '../words.js';

/** One prune: acts on the residual stream between layer `afterLayer` and the next (1-based). */
export interface Stage {
  readonly afterLayer: number;
  /** Share of the *original* image tokens that is left after this stage, in (0, 1]. */
  readonly keepRatio: number;
}

/**
 * What the tokens after a prune take as positions.
 * - `renumber`: they are counted anew, in each layer by that layer's own cache (the authors' code)
 * - `keep`: they keep the position that they had in the unpruned sequence, as in FastV
 */
export const positionModes = ['renumber', 'keep'] as const;
export type PositionMode = (typeof positionModes)[number];

/**
 * Which of the accumulated layers a prune scores by.
 * - `cumulative`: all up to the prune; survivors keep the transition that they gathered before an earlier one (the paper)
 * - `per-stage`: those since the prune before; each prune starts anew. With the layer before each prune as
 *   `accumulateLayers` no transition is accumulated at all, as in the paper's ablation
 */
export const accumulationModes = ['cumulative', 'per-stage'] as const;
export type AccumulationMode = (typeof accumulationModes)[number];

/** Everything that decides which tokens are dropped where. Plain data, fit for JSON, but for a method of its own. */
export interface PrunePlan extends TransitionForm {
  /**
   * One of this package's by its name, or a method of another package itself. A plan out of a pruned file
   * names any method; `methodOf` says whether it is known here.
   */
  readonly method: string | Method;
  /** Layers (1-based) whose token transition is summed up. */
  readonly accumulateLayers: readonly number[];
  /** Whether that sum goes on from prune to prune; `cumulative` if left out. */
  readonly accumulation?: AccumulationMode | undefined;
  readonly direction: Direction;
  /** Which factors of the token transition count; `both` if left out. */
  readonly transitionParts?: TransitionParts | undefined;
  /** In order of depth; empty means that nothing is pruned. */
  readonly stages: readonly Stage[];
  /**
   * `auto` is what leaves the decoder as it was where nothing is dropped: `renumber` where positions are one
   * row or none, `keep` where they are the rows of M-RoPE, for which counted positions are another model.
   */
  readonly positions: PositionMode | 'auto';
  /**
   * Each image, a span of the image mask numbered 1, 2, 3, ..., keeps the floor of the ratio of its own
   * size; false: all image tokens are ranked together. Plans written before there was this field lack
   * it, which means false.
   */
  readonly perImage: boolean;
  /**
   * Each stage keeps no more image tokens than hold this share of the score of those that are still there, in (0, 1],
   * and no more than its keep ratio says. Left out: it keeps as many as its keep ratio says.
   */
  readonly keepMass?: number | undefined;
  /** With `keepMass`: the share of the *original* image tokens that stays at least; one token if left out. */
  readonly keepFloor?: number | undefined;
  /** Seed of the `noise` signal. */
  readonly seed: number;
}

/** A plan whose positions are chosen. */
export interface SettledPlan extends PrunePlan {
  readonly positions: PositionMode;
}

/**
 * The plan for a decoder.
 *
 * @param decoder with what `auto` positions stand for
 */
export function settlePlan(
  plan: PrunePlan,
  decoder: { readonly positions: PositionMode },
): SettledPlan {
  const { positions } = plan;
  return { ...plan, positions: positions === 'auto' ? decoder.positions : positions };
}

/** The plan's fields with the defaults of the authors' code. */
export function createPlan(fields: Pick<PrunePlan, 'stages'> & Partial<PrunePlan>): PrunePlan {
  return {
    method: 'transprune',
    accumulateLayers: [],
    direction: '1-cos',
    positions: 'auto',
    perImage: false,
    seed: 0,
    ...fields,
  };
}

/** Fields that say how the token transition is made, and nothing to a method that does not look at it. */
type TransitionField = 'accumulateLayers' | 'accumulation' | 'direction' | 'transitionParts';

/** What somebody says of the token transition; undefined is nothing. */
export type TransitionFields = {
  readonly [Field in TransitionField]?: PrunePlan[Field] | undefined;
};

/**
 * Checks that a method looks at what somebody says of the token transition. Every plan has `accumulateLayers` and
 * `direction`, whatever its method; so what is asked is which fields were given, not what the plan holds.
 *
 * @throws TransPruneError INVALID_PLAN that names the field, the method, and the methods that take it
 */
export function checkTransitionFields(choice: MethodChoice, given: TransitionFields): void {
  const method = methodOf(choice);
  if (readsTransition(method)) return;
  const [field, got] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (field === undefined) return;
  const taking = methodNames.filter((name) => readsTransition(methodByName(name)));
  fail(
    `${field} is for methods that look at the token transition (${taking.join(', ')}), got it with ${method.name}, which does not; leave it out, or choose one of those`,
    { field, got, method: method.name },
  );
}

/**
 * The plan with another method, as a baseline is made.
 *
 * @returns without the fields that only methods that look at the token transition take, if the method is none of them
 */
export function withMethod(plan: PrunePlan, method: PrunePlan['method']): PrunePlan {
  if (readsTransition(methodOf({ method }))) return { ...plan, method };
  const { accumulation: _, transitionParts: __, ...rest } = plan;
  return { ...rest, method };
}

/**
 * Checks a plan against a decoder's depth.
 *
 * @throws TransPruneError INVALID_PLAN that names the field, what is allowed and what came
 */
export function validatePlan(plan: PrunePlan, layers: number): void {
  const method = methodOf(plan);
  validateSchedule(plan, layers);
  const { accumulation, transitionParts } = plan;
  checkTransitionFields(plan, { accumulation, transitionParts });
  if (!readsTransition(method)) return;
  for (const [index, { afterLayer }] of plan.stages.entries()) {
    const before = plan.stages[index - 1];
    if (before && carriesTransition(plan)) break;
    if (newlyAccumulatedLayers(plan, index).length > 0) continue;
    const where = before
      ? `after layer ${before.afterLayer}, at or before its next prune (after layer ${afterLayer}), where accumulation is per-stage`
      : `at or before its first prune (after layer ${afterLayer})`;
    fail(
      `${method.name} needs an accumulated layer ${where}, got [${plan.accumulateLayers.join(', ')}]`,
      {
        field: 'accumulateLayers',
        got: plan.accumulateLayers,
      },
    );
  }
}

/**
 * Checks all of a plan that needs no method, which a plan out of a file may name without its being known.
 *
 * @throws TransPruneError INVALID_PLAN that names the field, what is allowed and what came
 */
export function validateSchedule(plan: PrunePlan, layers: number): void {
  oneOf('direction', plan.direction, directions);
  oneOf('accumulation', plan.accumulation ?? 'cumulative', accumulationModes);
  oneOf('transitionParts', plan.transitionParts ?? 'both', transitionParts);
  oneOf('positions', plan.positions, ['auto', ...positionModes]);
  const perImage: unknown = plan.perImage;
  if (perImage !== undefined && typeof perImage !== 'boolean') {
    fail(`perImage must be true or false, got ${JSON.stringify(perImage)}`, {
      field: 'perImage',
      got: perImage,
    });
  }
  validateMass(plan);
  let previous: Stage = { afterLayer: 0, keepRatio: 1 };
  for (const stage of plan.stages) {
    const { afterLayer, keepRatio } = stage;
    if (!Number.isInteger(afterLayer) || afterLayer < 1 || afterLayer >= layers) {
      fail(
        `prune layers must be whole numbers from 1 to ${layers - 1} for a decoder of ${counted(layers, 'layer')}, got ${afterLayer}`,
        { field: 'stages.afterLayer', layers, got: afterLayer },
      );
    }
    if (afterLayer <= previous.afterLayer) {
      fail(`prune layers must rise, got ${afterLayer} after ${previous.afterLayer}`, {
        field: 'stages.afterLayer',
        got: afterLayer,
      });
    }
    if (!(keepRatio > 0 && keepRatio <= 1)) {
      fail(`keep ratios must be above 0 and at most 1, got ${keepRatio}`, {
        field: 'stages.keepRatio',
        got: keepRatio,
      });
    }
    if (keepRatio > previous.keepRatio) {
      fail(
        `keep ratios must not rise from stage to stage (each is relative to the original image tokens), got ${keepRatio} after ${previous.keepRatio}`,
        { field: 'stages.keepRatio', got: keepRatio },
      );
    }
    previous = stage;
  }
  for (const layer of plan.accumulateLayers) {
    if (!Number.isInteger(layer) || layer < 1 || layer > layers) {
      fail(
        `accumulated layers must be whole numbers from 1 to ${layers} for a decoder of ${counted(layers, 'layer')}, got ${layer}`,
        { field: 'accumulateLayers', layers, got: layer },
      );
    }
  }
}

function validateMass({ keepMass, keepFloor, perImage }: PrunePlan): void {
  const isShare = (value: unknown, least: number) =>
    typeof value === 'number' && value >= least && value <= 1;
  if (keepMass !== undefined && !(isShare(keepMass, 0) && keepMass > 0)) {
    fail(`keepMass must be above 0 and at most 1, got ${keepMass}`, {
      field: 'keepMass',
      got: keepMass,
    });
  }
  if (keepFloor !== undefined && (keepMass === undefined || !isShare(keepFloor, 0))) {
    fail(
      `keepFloor must be from 0 to 1, beside a keepMass, got ${keepFloor}${keepMass === undefined ? ' alone' : ''}`,
      { field: 'keepFloor', got: keepFloor },
    );
  }
  if (keepMass !== undefined && perImage) {
    fail('keepMass ranks all images together, got it with perImage; leave one of the two out', {
      field: 'keepMass',
      got: keepMass,
    });
  }
}

/** Layers whose transition a stage newly adds: those after the previous stage, up to this one. */
export function newlyAccumulatedLayers(plan: PrunePlan, stage: number): number[] {
  const previous = plan.stages[stage - 1]?.afterLayer ?? 0;
  const current = plan.stages[stage]?.afterLayer ?? 0;
  return [...new Set(plan.accumulateLayers)]
    .filter((layer) => layer > previous && layer <= current)
    .sort((a, b) => a - b);
}

/** Whether survivors of a prune keep the transition that they gathered before it. */
export function carriesTransition({ accumulation }: PrunePlan): boolean {
  return accumulation !== 'per-stage';
}

function oneOf(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    fail(
      `${field} must be one of ${allowed.join(', ')}, got ${value}${didYouMean(`${value}`, allowed)}`,
      { field, got: value },
    );
  }
}

function fail(message: string, data: Record<string, unknown>): never {
  throw new TransPruneError('INVALID_PLAN', message, data);
}
