/** A model as it is served: pruned so that each request chooses what is kept, and requests share steps. */
import { createNodeBackend } from '@transprune/backend-node';
import { TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import { type ChosenFormats, type DownloadOptions, openModel } from '@transprune/files/node';
import { type Engine, type OpenEngineOptions, openEngine } from '@transprune/vlm';
import { type Description, describeModel } from './describe.js';
import type { EngineSettings, ModelFacts } from './model-facts.js';

/** An engine, and what its model is. */
export interface OpenedEngine {
  readonly engine: Engine;
  readonly facts: ModelFacts;
}

/**
 * Opens a model in this process.
 *
 * @param watching is told of a download
 * @throws TransPruneError as `openEngine` does, and INVALID_PLAN for a plan that doesn't fit the decoder
 */
export async function openServed(
  settings: EngineSettings,
  watching: Pick<DownloadOptions, 'onProgress' | 'onRetry'> = {},
): Promise<OpenedEngine> {
  const { model, offline } = settings;
  let formats: ChosenFormats = {};
  const files = await openModel(model, {
    ...watching,
    ...(offline && { offline }),
    onFormats: (chosen) => {
      formats = chosen;
    },
  });
  const described = await describeModel(files, settings);
  const { engine, batches } = await openPruned(files, described, settings);
  const { modelType, device } = engine;
  return { engine, facts: { ...described, formats, modelType, device, batches } };
}

/** Decoders that cannot be pruned for batches run the steps of several requests one after the other. */
async function openPruned(
  files: VlmFiles,
  { plan }: Description,
  settings: EngineSettings,
): Promise<{ readonly engine: Engine; readonly batches: boolean }> {
  const { model, device, active, visionCacheBytes, threads } = settings;
  const open = (batch: boolean) => {
    const options: OpenEngineOptions = {
      model,
      pruning: { plan, options: { trace: true, runtimeRatios: true, batch } },
      backend: createNodeBackend({ threads }),
      device,
      open: async () => files,
      maxActive: active,
      // Who waits does so in the server, before the images of the request are read.
      maxWaiting: Number.MAX_SAFE_INTEGER,
      visionCacheBytes,
    };
    return openEngine(options);
  };
  const canBatch = plan.stages.length > 0;
  try {
    return { engine: await open(canBatch), batches: canBatch };
  } catch (error) {
    const isRefused = TransPruneError.isInstance(error) && error.code === 'UNSUPPORTED_MODEL';
    if (!canBatch || !isRefused) throw error;
    return { engine: await open(false), batches: false };
  }
}
