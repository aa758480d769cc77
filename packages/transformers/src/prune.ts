/** A decoder of an app, pruned by its options. */
import {
  cachePort,
  checkKeepRatios,
  createPlan,
  type FittedPlan,
  fitToAttentionLayers,
  type MovedPrune,
  type PrunePlan,
  ports,
  presetPlan,
  TransPruneError,
} from '@transprune/core';
import { layersAfterPrunes, type OnnxModel, pruneModel, readDecoder } from '@transprune/onnx';
import type { PruningOptions } from './options.js';
import { isUnsupported } from './refusal.js';

/** A pruned decoder. */
export interface PrunedDecoder {
  readonly model: OnnxModel;
  readonly plan: PrunePlan;
  /** Prunes of the preset that this decoder has at other depths. */
  readonly moved: readonly MovedPrune[];
}

/**
 * Prunes a decoder so that one file serves every ratio, tells what it kept and takes several prompts, if its
 * attention can be told of padding.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a decoder that cannot be pruned, INVALID_PLAN for a plan that does
 *   not fit it, INVALID_ARGUMENT for keep ratios that do not fit the plan
 */
export function pruneDecoder(model: OnnxModel, options: PruningOptions): PrunedDecoder {
  const { plan, moved } = planFor(model, options);
  if (plan.stages.length === 0) return { model, plan, moved };
  const prune = (batch: boolean): PrunedDecoder => ({
    ...pruneModel(model, plan, { trace: true, runtimeRatios: true, batch }),
    moved,
  });
  if (options.batch === false) return prune(false);
  try {
    return prune(true);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    return prune(false);
  }
}

/** True for a model that goes on from embeddings and a cache. */
export function isDecoder({ graph }: OnnxModel): boolean {
  const names = graph?.input.map(({ name }) => name) ?? [];
  return names.includes(ports.embeddings) && names.some((name) => cachePort(name) !== undefined);
}

function planFor(model: OnnxModel, options: PruningOptions): FittedPlan {
  const { positions, perImage, keepRatios } = options;
  const { plan: wanted, moved } = options.plan
    ? { plan: options.plan, moved: [] }
    : presetFor(model, options);
  const { stages, ...plan } = wanted;
  const ratios = keepRatios && checkKeepRatios(keepRatios, stages.length);
  const chosen = createPlan({
    ...plan,
    ...(positions && { positions }),
    ...(perImage !== undefined && { perImage }),
    stages: stages.map((stage, at) => ({ ...stage, keepRatio: ratios?.[at] ?? stage.keepRatio })),
  });
  checkFirstPrune(model, chosen);
  return { plan: chosen, moved };
}

/** A preset's plan, its prunes where the decoder and the library allow them. */
function presetFor(model: OnnxModel, { preset = 'transprune-high' }: PruningOptions): FittedPlan {
  const decoder = readDecoder(model);
  const { plan } = presetPlan(preset, decoder.layers.length);
  const allowed = layersAfterPrunes(decoder).filter((layer) => layer > firstCachedLayer(model));
  return fitToAttentionLayers(plan, allowed);
}

/**
 * The layer (1-based) whose attention cache the library takes a conversation's length from: the first among
 * the outputs.
 */
function firstCachedLayer({ graph }: OnnxModel): number {
  const [, layer = '-1'] =
    graph?.output.map(({ name }) => /^present\.(\d+)\./.exec(name)).find((found) => found) ?? [];
  return Number(layer) + 1;
}

/** @throws TransPruneError INVALID_PLAN if the library could not tell a conversation's length any more */
function checkFirstPrune(model: OnnxModel, { stages: [first] }: PrunePlan): void {
  const layer = firstCachedLayer(model);
  if (!first || first.afterLayer >= layer) return;
  throw new TransPruneError(
    'INVALID_PLAN',
    `expected the first prune after layer ${layer} or deeper, as transformers.js takes the length of a conversation from that layer's cache, got one after layer ${first.afterLayer}`,
    { field: 'stages.afterLayer', got: first.afterLayer, least: layer },
  );
}
