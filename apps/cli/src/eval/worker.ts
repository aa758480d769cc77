/** Whoever a worker answers with. */
import { TransPruneError } from '@transprune/core';
import type { Answerer } from '@transprune/eval';
import type { WorkAnswerer } from '@transprune/eval/queue';
import type { NumberFormat } from '@transprune/files';
import { pruneModel } from '@transprune/onnx';
import { findModel, type Surroundings } from '../model/find.js';
import { readOriginal } from '../model/original.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import type { DeviceOptions } from '../options/device-option.js';
import type { ThreadOptions } from '../options/thread-option.js';
import { waiting } from '../progress.js';
import { engineAnswerer } from './engine-answerer.js';
import { parseWork, type WorkModel } from './work.js';

export interface WorkerEngineOptions extends DeviceOptions, Partial<ThreadOptions> {
  /** Where this machine has the model, if it is not where the run says. */
  readonly model?: string;
  readonly offline?: boolean;
}

/** @throws TransPruneError as `parseWork`, `findModel`, `pruneModel` and `createEngine` do */
export async function openWork(
  data: unknown,
  options: WorkerEngineOptions,
  folders: TemporaryFolders,
  around: Surroundings,
): Promise<WorkAnswerer> {
  const { server, model, maxNewTokens } = parseWork(data);
  if (server) {
    const { openAiAnswerer } = await import('@transprune/eval');
    const apiKey = around.io.env.OPENAI_API_KEY;
    return withClose(openAiAnswerer({ ...server, apiKey, maxTokens: maxNewTokens }));
  }
  if (!model) throw new TransPruneError('INVALID_ARGUMENT', 'expected a model or a server');
  const engine = await openModel(model, options, folders, around);
  const answerer = await engineAnswerer(engine, { name: 'worker', maxNewTokens });
  return withClose(answerer, () => engine.dispose());
}

function withClose(answerer: Answerer, close = async () => {}): WorkAnswerer {
  return { answer: (question, signal) => answerer.answer(question, signal), close };
}

async function openModel(
  { name, revision, format, plan, reduction }: WorkModel,
  { model, offline, device, threads }: WorkerEngineOptions,
  folders: TemporaryFolders,
  around: Surroundings,
) {
  const [{ createNodeBackend }, { createEngine }, { modelDirectory }] = await Promise.all([
    import('@transprune/backend-node'),
    import('@transprune/vlm'),
    import('@transprune/embedded-model'),
  ]);
  const places = {
    ...(model === undefined && revision !== undefined && { revision }),
    ...(format !== undefined && { format: format as NumberFormat }),
    ...(offline !== undefined && { offline }),
  };
  const files = await findModel(model ?? name ?? modelDirectory, places, around);
  const { path, original } = await readOriginal(files);
  const pruned = pruneModel(original, plan, { trace: true });
  const decoder = await temporaryModel(pruned.model, path, folders);
  const backend = createNodeBackend({ threads });
  return waiting(around.terminal, 'opening the model', () =>
    createEngine({ files, backend, device, reduction, decoder }),
  );
}
