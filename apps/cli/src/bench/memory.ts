/** Peak memory of a prefill. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type NodeDevice, peakMemory } from '@transprune/backend-node';
import { type PromptSizes, promptCall } from '@transprune/bench';
import {
  DecoderSession,
  type HostTensor,
  type ModelSource,
  type Session,
} from '@transprune/session';

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

/** What a decoder is fed for the prompt. */
async function promptFeeds(
  { inputs, outputs, device }: Session,
  sizes: PromptSizes,
): Promise<Record<string, HostTensor>> {
  const fed: Record<string, HostTensor> = {};
  const listener: Session = {
    inputs,
    outputs,
    device,
    async run(feeds) {
      for (const [name, tensor] of Object.entries(feeds)) if ('data' in tensor) fed[name] = tensor;
      const dims = [1, 1, 1];
      const logits = { type: 'float32', dims, data: new Float32Array(1) } as const;
      return { logits: { ...logits, download: async () => logits, dispose() {} } };
    },
    async dispose() {},
  };
  await new DecoderSession(listener, { cacheSizes: sizes }).prefill(promptCall(sizes));
  return fed;
}
