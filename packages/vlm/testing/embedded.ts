/** The embedded model, with decoders of other layouts and pruned in other ways. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { decoderConfig, type PrunePlan, readSafetensors } from '@transprune/core';
import {
  type BuildOptions,
  buildDecoder,
  checkpointWeights,
  encodeModel,
  type OnnxModel,
  type PruneOptions,
  pruneModel,
} from '@transprune/onnx';
import type { Backend, HostTensor, SessionTensor } from '@transprune/session';
import { modelDirectory } from '@transprune/small-model';

export type Feeds = Readonly<Record<string, HostTensor | SessionTensor>>;

/** The embedded decoder, laid out as asked for. */
export function embeddedDecoder(options: BuildOptions = {}): OnnxModel {
  const read = (path: string) => readFileSync(join(modelDirectory, path));
  const config = decoderConfig(JSON.parse(read('config.json').toString()));
  const weights = readSafetensors(read('weights/decoder.safetensors'));
  return buildDecoder(config, checkpointWeights(weights), options);
}

/** A decoder's bytes, pruned. */
export function prunedBytes(decoder: OnnxModel, plan: PrunePlan, options: PruneOptions = {}) {
  return { bytes: encodeModel(pruneModel(decoder, plan, { trace: true, ...options }).model) };
}

/** This package's backend; what decoders are fed is kept in `decoderFeeds`. */
export function watchedBackend(): Backend & { readonly decoderFeeds: Feeds[] } {
  const decoderFeeds: Feeds[] = [];
  return {
    ...nodeBackend,
    decoderFeeds,
    async open(model, options) {
      const session = await nodeBackend.open(model, options);
      if ('unavailable' in session) return session;
      if (!session.outputs.some(({ name }) => name === 'logits')) return session;
      return {
        ...session,
        run(feeds, fetch) {
          decoderFeeds.push(feeds);
          return session.run(feeds, fetch);
        },
      };
    },
  };
}

/** Elements of what was fed from memory. */
export function numbersIn(tensor: HostTensor | SessionTensor | undefined): number[] {
  if (!tensor || !('data' in tensor)) throw new Error('expected a tensor in memory');
  return Array.from(tensor.data, Number);
}
