import { keepModel, readModelFile } from '@transprune/files/node';
import type { PruningOptions } from '../options.js';
import type { PrunedSource } from '../platform.js';
import { pruneDecoder } from '../prune.js';

/** Prunes the decoder in a file, and keeps the result in one of its own. */
export async function rewriteDecoder(path: string, options: PruningOptions): Promise<PrunedSource> {
  const model = await readModelFile(path);
  const { model: changed, plan, moved } = pruneDecoder(model, options);
  return { source: changed === model ? path : await keepModel(changed, path), plan, moved };
}
