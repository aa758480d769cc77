/** The plan travels in the model's metadata, so that a pruned file says what was done to it. */
import { create } from '@bufbuild/protobuf';
import {
  methodNameOf,
  type SettledPlan,
  TransPruneError,
  validateSchedule,
} from '@transprune/core';
import { type StringStringEntryProto, StringStringEntryProtoSchema } from '../proto/onnx_pb.js';
import type { OnnxModel } from './codec.js';

const planKey = 'transprune.plan';

/**
 * The plan that a model was pruned with; undefined for an original. Fields that older versions did not
 * write get what they stood for. The method is a name; a file that was pruned by a method of another package
 * runs like any other, but only with that method itself can its tokens be scored again: `methodOf` says so.
 *
 * @throws TransPruneError INVALID_MODEL if the entry is no JSON, or no plan
 */
export function readPlan(model: OnnxModel): SettledPlan | undefined {
  const entry = model.metadataProps.find(({ key }) => key === planKey);
  return entry && parsePlan(entry.value);
}

function parsePlan(text: string): SettledPlan {
  const refuse = (reason: string, cause?: unknown) =>
    new TransPruneError(
      'INVALID_MODEL',
      `expected a pruning plan in the model's metadata under ${planKey}, got ${reason}; prune the original file again`,
      { key: planKey },
      { cause },
    );
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw refuse('text that is no JSON', cause);
  }
  const fault = planFault(found);
  if (fault) throw refuse(fault);
  const { method, accumulateLayers, direction, stages, positions, perImage, seed } =
    found as SettledPlan;
  const { accumulation, transitionParts, keepMass, keepFloor } = found as SettledPlan;
  const plan: SettledPlan = {
    method,
    accumulateLayers,
    ...(accumulation !== undefined && { accumulation }),
    direction,
    ...(transitionParts !== undefined && { transitionParts }),
    stages: stages.map(({ afterLayer, keepRatio }) => ({ afterLayer, keepRatio })),
    positions,
    perImage: perImage ?? false,
    ...(keepMass !== undefined && { keepMass }),
    ...(keepFloor !== undefined && { keepFloor }),
    seed,
  };
  try {
    // The plan was checked against the decoder's depth when it was written.
    validateSchedule(plan, Number.MAX_SAFE_INTEGER);
  } catch (cause) {
    throw refuse(
      cause instanceof Error ? `one that is not valid: ${cause.message}` : 'none',
      cause,
    );
  }
  return plan;
}

/** What keeps a value from being a plan as data, in words; undefined if nothing does. */
function planFault(value: unknown): string | undefined {
  if (!isRecord(value)) return `${Array.isArray(value) ? 'a list' : typeof value}`;
  const { stages, accumulateLayers, seed, perImage } = value;
  if (value.positions === 'auto') return 'positions that are not chosen (auto)';
  for (const field of ['method', 'direction', 'positions']) {
    if (typeof value[field] !== 'string') return `a ${field} that is no text`;
  }
  if (!Array.isArray(accumulateLayers) || !accumulateLayers.every(Number.isFinite)) {
    return 'accumulateLayers that are no list of numbers';
  }
  const isStage = (stage: unknown) =>
    isRecord(stage) && Number.isFinite(stage.afterLayer) && Number.isFinite(stage.keepRatio);
  if (!Array.isArray(stages) || !stages.every(isStage)) {
    return 'stages that are no list of prunes, each with afterLayer and keepRatio';
  }
  if (!Number.isFinite(seed)) return 'a seed that is no number';
  if (perImage !== undefined && typeof perImage !== 'boolean')
    return 'a perImage that is no boolean';
  return undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The model's metadata with the plan added, its method by name. */
export function metadataWithPlan(model: OnnxModel, plan: SettledPlan): StringStringEntryProto[] {
  const value = JSON.stringify({ ...plan, method: methodNameOf(plan) });
  const entry = create(StringStringEntryProtoSchema, { key: planKey, value });
  return [...model.metadataProps, entry];
}
