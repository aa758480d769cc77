/** In browsers models are bytes in memory. */
import { env } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { decodeModel, encodeModel, withWeightsIn } from '@transprune/onnx';
import type { Platform } from '../platform.js';
import { isDecoder, pruneDecoder } from '../prune.js';

/** What a pruned decoder calls the original's bytes. */
const weights = 'transprune.onnx_data';

export const platform: Platform = {
  async lend(bytes, use) {
    const id = `transprune/${crypto.randomUUID()}`;
    const { fetch } = env;
    // No Response: those the library would keep in its cache.
    const answer = { ok: true, status: 200, arrayBuffer: async () => bytes.slice().buffer };
    const lending: typeof fetch = async (address, ...others) =>
      String(address).includes(id) ? answer : fetch(address, ...others);
    env.fetch = lending;
    try {
      return await use(id);
    } finally {
      if (env.fetch === lending) env.fetch = fetch;
    }
  },
  async prune(source, options) {
    if (typeof source === 'string') {
      throw new TransPruneError(
        'UNSUPPORTED_MODEL',
        `expected the bytes of a model to rewrite, got the path ${source}; bundle the package for Node with the condition node`,
        { path: source },
      );
    }
    if (source[0] === '<'.charCodeAt(0)) {
      throw new TransPruneError(
        'NOT_FOUND',
        'expected an ONNX model, got a web page, as servers of single-page applications send it for files that they have not; check the id, dtype and subfolder',
      );
    }
    const model = decodeModel(source);
    if (!isDecoder(model)) return undefined;
    const { model: changed, plan, moved } = pruneDecoder(model, options);
    if (changed === model) return { source, plan, moved };
    // The library's own bytes serve as a file of weights, so that none is in memory twice.
    return {
      source: encodeModel(withWeightsIn(changed, source, weights)),
      externalData: [{ path: weights, data: source }],
      plan,
      moved,
    };
  },
};
