/** A model, opened with a decoder that prunes itself. */
import type { Reduction } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { LocalEngine } from '@transprune/vlm';
import type { Surroundings } from '../model/find.js';
import type { TemporaryFolders } from '../model/temporary.js';
import type { DeviceOptions } from '../options/device-option.js';
import { planNotes } from '../options/plan-options.js';
import { reductionOf } from '../options/reduction-options.js';
import type { ThreadOptions } from '../options/thread-option.js';
import { waiting } from '../progress.js';
import { type DecoderOptions, type PrunedDecoder, prunedDecoder } from './decoder.js';

export type EngineOptions = DecoderOptions & DeviceOptions & Partial<ThreadOptions>;

export interface OpenedModel {
  readonly files: VlmFiles;
  readonly pruned: PrunedDecoder;
  readonly reduction: Reduction | undefined;
  readonly engine: LocalEngine;
  /** The same with the decoder as it is, and all image tokens. To be disposed before the engine. */
  openUnpruned(): Promise<LocalEngine>;
}

/**
 * Lends an engine to `use`, and closes it when that ends, however it ends.
 *
 * @throws TransPruneError as `reductionOf`, `prunedDecoder` and `createEngine` do
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
  const reduction = reductionOf(options);
  const pruned = await waiting(terminal, 'pruning the decoder', () =>
    prunedDecoder(files, options, folders),
  );
  for (const note of planNotes(pruned.chosen)) terminal.info(note);
  const backend = createNodeBackend({ threads });
  const engine = await waiting(terminal, 'opening the model', () =>
    createEngine({ files, backend, device, reduction, decoder: pruned.source }),
  );
  const openUnpruned = async () =>
    reduction
      ? createEngine({ files, backend, device })
      : engine.withDecoder(await files.graph('decoder_model_merged'));
  try {
    return await use({ files, pruned, reduction, engine, openUnpruned });
  } finally {
    await engine.dispose();
  }
}
