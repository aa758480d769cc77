/** Reads what there is to know of a model before it is opened. */
import {
  methodNameOf,
  type PrunePlan,
  presetNames,
  presetPlan,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { readModelFile } from '@transprune/files/node';
import { type Model, modelFromConfig } from '@transprune/flops';
import { type Decoder, decodeModel, fitPlan, readDecoder } from '@transprune/onnx';
import type { EngineSettings, ModelFacts } from './model-facts.js';

export const defaultPreset = 'transprune-high';

export type Description = Pick<ModelFacts, 'layers' | 'plan' | 'preset' | 'presets' | 'costs'>;

/**
 * The plan that a model is served with, and what may be asked of it.
 *
 * @throws TransPruneError INVALID_PLAN for one that does not fit, and what the model's files are at fault of
 */
export async function describeModel(
  files: VlmFiles,
  { preset = defaultPreset, plan: given }: Pick<EngineSettings, 'preset' | 'plan'>,
): Promise<Description> {
  const source = await files.graph('decoder_model_merged');
  const graph = 'path' in source ? await readModelFile(source.path) : decodeModel(source.bytes);
  const decoder = readDecoder(graph);
  const layers = decoder.layers.length;
  const plan = given ?? fittedPreset(preset, decoder);
  validatePlan(plan, layers);
  return {
    layers,
    plan,
    preset: given ? null : preset,
    presets: ratiosOfPresets(plan, decoder),
    costs: costsOf(await files.readText('config.json')),
  };
}

/** All presets that a decoder pruned by the plan can run; `none` keeps everything. */
function ratiosOfPresets(plan: PrunePlan, decoder: Decoder): ModelFacts['presets'] {
  const { stages } = plan;
  const found = presetNames.flatMap((name): [string, number[]][] => {
    if (name === 'none') return [[name, stages.map(() => 1)]];
    const other = planOf(name, decoder);
    if (!other || scoringOf(other) !== scoringOf(plan)) return [];
    return [[name, other.stages.map(({ keepRatio }) => keepRatio)]];
  });
  return Object.fromEntries(found);
}

/** All of a plan that is in the graph, whatever the ratios are. */
function scoringOf(plan: PrunePlan): string {
  const { stages, accumulateLayers, direction, positions, perImage } = plan;
  const { accumulation = 'cumulative', transitionParts = 'both' } = plan;
  const prunes = stages.map(({ afterLayer }) => afterLayer);
  return JSON.stringify([
    methodNameOf(plan),
    prunes,
    accumulateLayers,
    accumulation,
    direction,
    transitionParts,
    positions,
    perImage,
  ]);
}

/** A preset's plan, its prunes where the decoder can be pruned. */
function fittedPreset(preset: string, decoder: Decoder): PrunePlan {
  return fitPlan(presetPlan(preset, decoder.layers.length).plan, decoder).plan;
}

/** Undefined for decoders that are too small for the preset. */
function planOf(preset: string, decoder: Decoder): PrunePlan | undefined {
  try {
    return fittedPreset(preset, decoder);
  } catch (error) {
    if (TransPruneError.isInstance(error)) return undefined;
    throw error;
  }
}

/** Null for configurations whose costs cannot be counted. */
function costsOf(config: string | undefined): Model | null {
  try {
    return modelFromConfig(JSON.parse(config ?? ''));
  } catch {
    return null;
  }
}
