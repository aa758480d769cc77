/** A model, opened with a decoder that prunes itself. */
import type { VlmFiles } from '@transprune/files';
import type { LocalEngine } from '@transprune/vlm';
import type { Surroundings } from '../model/find.js';
import type { TemporaryFolders } from '../model/temporary.js';
import type { DeviceOptions } from '../options/device-option.js';
import { planNotes } from '../options/plan-options.js';
import type { ThreadOptions } from '../options/thread-option.js';
import { waiting } from '../progress.js';
import { type DecoderOptions, type PrunedDecoder, prunedDecoder } from './decoder.js';

export type EngineOptions = DecoderOptions & DeviceOptions & Partial<ThreadOptions>;

export interface OpenedModel {
  readonly files: VlmFiles;
  readonly pruned: PrunedDecoder;
  readonly engine: LocalEngine;
}

/**
 * Lends an engine to `use`, and closes it when that ends, however it ends.
 *
 * @throws TransPruneError as `prunedDecoder` and `createEngine` do
 */
export async function withEngine<T>(
  files: VlmFiles,
  options: EngineOptions,
  folders: TemporaryFolders,
  { terminal }: Surroundings,
  use: (opened: OpenedModel) => Promise<T>,
): Promise<T> {
  const [{ createNodeBackend }, { createEngine }] = await Promise.all([
    import('@transprune/backend-node'),
    import('@transprune/vlm'),
  ]);
  const { device, threads } = options;
  const pruned = await waiting(terminal, 'pruning the decoder', () =>
    prunedDecoder(files, options, folders),
  );
  const { layers } = pruned.model.decoder;
  for (const note of planNotes(pruned.chosen, layers.length)) terminal.info(note);
  const backend = createNodeBackend(threads === undefined ? {} : { threads });
  const engine = await waiting(terminal, 'opening the model', () =>
    createEngine({ files, backend, device, decoder: pruned.source }),
  );
  try {
    return await use({ files, pruned, engine });
  } finally {
    await engine.dispose();
  }
}
