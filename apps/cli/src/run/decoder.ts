/** The pruned decoder that answers: made of the folder's, or one that is given. */
import { basename } from 'node:path';
import {
  counted,
  createPlan,
  keepRatiosInput,
  type PrunePlan,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { Model } from '@transprune/flops';
import { type OnnxModel, pruneModel, readPlan } from '@transprune/onnx';
import type { DecoderSource } from '@transprune/vlm';
import { readOriginal } from '../model/original.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import type { BudgetOptions } from '../options/budget-options.js';
import { type FittedChoice, type PlanOptions, planFor } from '../options/plan-options.js';
import type { ReductionOptions } from '../options/reduction-options.js';

export interface DecoderOptions extends PlanOptions, BudgetOptions, ReductionOptions {
  /** A file that `prune` wrote. */
  readonly decoder?: string;
  /** Of each prune, in place of the plan's. */
  readonly keepRatios?: readonly number[];
}

export interface PrunedDecoder {
  readonly source: DecoderSource;
  /** With the ratios that it runs at. */
  readonly chosen: FittedChoice;
  /** What the plan goes by. */
  readonly name: string;
  /** What its costs are counted with. */
  readonly model: Model;
}

/**
 * Finds the decoder. The folder's own stays as it is.
 *
 * @throws TransPruneError INVALID_ARGUMENT for ratios that it can't run at or a file that is not pruned,
 *   and what the models are at fault of
 */
export async function prunedDecoder(
  files: VlmFiles,
  options: DecoderOptions,
  folders: TemporaryFolders,
): Promise<PrunedDecoder> {
  const { path, original, decoder, costing } = await readOriginal(files);
  const layers = decoder.layers.length;
  const { keepRatios } = options;
  if (options.decoder !== undefined) {
    const { readModelFile } = await import('@transprune/files/node');
    const given = await readModelFile(options.decoder);
    const plan = planOf(given, options.decoder);
    const atRunTime = given.graph?.input.some(({ name }) => name === keepRatiosInput);
    if (keepRatios && !atRunTime) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected a decoder that takes keep ratios with --keep-ratios, got ${options.decoder}, whose ratios are fixed; prune with --runtime-ratios, or leave --keep-ratios out`,
        { option: '--keep-ratios', path: options.decoder },
      );
    }
    const ran = withRatios(plan, keepRatios, layers);
    return {
      source: { path: options.decoder, ...(atRunTime && { keepRatios: ratiosOf(ran) }) },
      chosen: { preset: null, schedule: 'custom', plan: ran, moved: [], budget: null },
      name: basename(options.decoder),
      model: costing.model,
    };
  }
  const chosen = planFor(options, decoder, costing);
  const plan = withRatios(chosen.plan, keepRatios, layers);
  const pruning = { trace: true, runtimeRatios: keepRatios !== undefined };
  const rewritten = pruneModel(original, chosen.plan, pruning);
  const source = await temporaryModel(rewritten.model, path, folders);
  return {
    source: { ...source, ...(keepRatios && { keepRatios }) },
    chosen: { ...chosen, plan },
    name: [
      chosen.preset ?? 'custom',
      ...(keepRatios ? [`keeping ${keepRatios.join(', ')}`] : []),
    ].join(', '),
    model: costing.model,
  };
}

function planOf(model: OnnxModel, path: string): PrunePlan {
  const plan = readPlan(model);
  if (plan) return createPlan(plan);
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected --decoder to name a pruned decoder, got ${path}, which has no plan in its metadata; prune it first`,
    { option: '--decoder', path },
  );
}

const ratiosOf = ({ stages }: PrunePlan) => stages.map(({ keepRatio }) => keepRatio);

/** The plan with other ratios. */
function withRatios(
  plan: PrunePlan,
  ratios: readonly number[] | undefined,
  layers: number,
): PrunePlan {
  if (!ratios) return plan;
  if (ratios.length !== plan.stages.length || ratios.length === 0) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected --keep-ratios with ${counted(plan.stages.length, 'number')}, one for each prune, got ${ratios.length}`,
      { option: '--keep-ratios', stages: plan.stages.length, got: ratios.length },
    );
  }
  const stages = plan.stages.map((stage, i) => ({ ...stage, keepRatio: ratios[i] ?? 1 }));
  const changed = { ...plan, stages };
  validatePlan(changed, layers);
  return changed;
}
