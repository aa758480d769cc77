/** Exported decoders as parts of a model: random, and so are the embeddings and image features. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type PrunePlan, uniformNoise } from '@transprune/core';
import type { ExportedDecoder } from '@transprune/fixtures';
import {
  decodeModel,
  encodeModel,
  externalLocations,
  type PruneOptions,
  pruneModel,
} from '@transprune/onnx';
import type { Backend, ModelSource, Session, ValueInfo } from '@transprune/session';
import { type Feeds, numbersIn, watchedBackend } from './embedded.js';

/** More than the tokenizers here have. */
const vocabulary = 80;

/** The decoder as it is, or pruned. */
export function exportedSource(
  { path }: ExportedDecoder,
  plan?: PrunePlan,
  options: PruneOptions = {},
): ModelSource {
  const original = decodeModel(readFileSync(path));
  const model = plan ? pruneModel(original, plan, { trace: true, ...options }).model : original;
  const weights = externalLocations(model).map(
    (name) => [name, new Uint8Array(readFileSync(join(dirname(path), name)))] as const,
  );
  return { bytes: encodeModel(model), externalData: Object.fromEntries(weights) };
}

/**
 * Runs decoders, which are watched; vision encoder and embedding are plain code.
 *
 * @param hidden size of embeddings and features
 * @param inputs of the vision encoder
 * @param features how many it makes of what it is fed
 */
export function randomPartsBackend(
  hidden: number,
  inputs: readonly ValueInfo[],
  features: (feeds: Feeds) => number,
): Backend & { readonly decoderFeeds: Feeds[] } {
  const backend = watchedBackend();
  const table = uniformNoise(1, vocabulary * hidden).map((u) => 2 * u - 1);
  const parts: Record<string, Session> = {
    embed_tokens: plainSession(
      [{ name: 'input_ids', type: 'int64', shape: ['batch', 'tokens'] }],
      'inputs_embeds',
      ({ input_ids: ids }) => ({
        dims: [...(ids?.dims ?? []), hidden],
        data: numbersIn(ids).flatMap((id) => [...table.slice(id * hidden, (id + 1) * hidden)]),
      }),
    ),
    vision_encoder: plainSession(inputs, 'image_features', (feeds) => {
      const seed = numbersIn(feeds.pixel_values).reduce((sum, value) => sum + value, 0);
      const count = features(feeds);
      const noise = uniformNoise(Math.round(Math.abs(seed)), count * hidden);
      return { dims: [count, hidden], data: [...noise].map((u) => 2 * u - 1) };
    }),
  };
  return {
    ...backend,
    async open(model, options) {
      const part = 'path' in model ? parts[model.path] : undefined;
      return part ?? backend.open(model, options);
    },
  };
}

function plainSession(
  inputs: readonly ValueInfo[],
  output: string,
  make: (feeds: Feeds) => { readonly dims: readonly number[]; readonly data: readonly number[] },
): Session {
  return {
    inputs,
    outputs: [{ name: output, type: 'float32', shape: [] }],
    device: 'cpu',
    async run(feeds) {
      const { dims, data } = make(feeds);
      const host = { type: 'float32', dims, data: Float32Array.from(data) } as const;
      const tensor = { type: host.type, dims, download: async () => host, dispose() {} };
      return { [output]: tensor };
    },
    async dispose() {},
  };
}
