/** Peak memory of a prefill. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NodeDevice, peakMemory } from '@transprune/backend-node';
import { type PromptSizes, promptFeeds } from '@transprune/bench';
import type { ModelSource, Session } from '@transprune/session';

export interface PeakOptions {
  readonly sizes: PromptSizes;
  readonly threads: number;
  /** An empty folder, for a decoder that is no file yet. */
  readonly folder: string;
}

/**
 * Most memory that opening a decoder and running one prompt takes, in bytes: weights, caches and whatever lies
 * between.
 *
 * @param session the same decoder, opened: what it declares, and on which device
 */
export async function peakOfPrefill(
  source: ModelSource,
  session: Session,
  { sizes, threads, folder }: PeakOptions,
): Promise<number> {
  const path = 'path' in source ? source.path : join(folder, 'decoder.onnx');
  if ('bytes' in source) await writeModel(source, path);
  const feeds = await promptFeeds(session, sizes);
  return peakMemory(path, feeds, { device: session.device as NodeDevice, threads });
}

async function writeModel(
  { bytes, externalData = {} }: Extract<ModelSource, { bytes: Uint8Array }>,
  path: string,
): Promise<void> {
  await writeFile(path, bytes);
  for (const [name, data] of Object.entries(externalData)) {
    await writeFile(join(dirname(path), name), data);
  }
}
