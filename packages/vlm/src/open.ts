/** An engine of a description: a model and a plan. */
import {
  type ModelChoice,
  type ModelOpener,
  openRemoteModel,
  type VlmFiles,
} from '@transprune/files';
import { pruneModel } from '@transprune/onnx';
import { createEngine, type EngineOptions, type LocalEngine } from './create.js';
import type { DecoderSource } from './engine/keep-ratios.js';

export interface OpenEngineOptions extends ModelChoice, Omit<EngineOptions, 'files' | 'decoder'> {
  /**
   * Finds the model's files: `openModel` of `@transprune/files/node` in Node. Models on the hub and on servers
   * are read into memory if left out.
   */
  readonly open?: ModelOpener | undefined;
}

/**
 * Opens a model by its description, its decoder pruned as the plan says.
 *
 * @throws TransPruneError as `createEngine` does, INVALID_PLAN for a plan that doesn't fit the decoder, and
 *   what the model's files are at fault of
 */
export async function openEngine(options: OpenEngineOptions): Promise<LocalEngine> {
  const { open = openRemoteModel, model, pruning, ...rest } = options;
  const files = await open(model);
  if (!pruning || pruning.plan.stages.length === 0) return createEngine({ ...rest, files });
  const { source, dispose } = await rewrittenDecoder(files, pruning);
  try {
    const engine = await createEngine({ ...rest, files, decoder: source });
    return {
      ...engine,
      async dispose() {
        await engine.dispose();
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The decoder as the plan says; what it keeps is known, wherever its bytes are. */
async function rewrittenDecoder(
  files: VlmFiles,
  { plan, options = {} }: NonNullable<ModelChoice['pruning']>,
): Promise<{ readonly source: DecoderSource; dispose(): Promise<void> }> {
  const { source, dispose } = await files.rewrite(
    'decoder_model_merged',
    (model) => pruneModel(model, plan, options).model,
  );
  const keepRatios = plan.stages.map(({ keepRatio }) => keepRatio);
  return { source: { ...source, ...(options.runtimeRatios && { keepRatios }) }, dispose };
}
