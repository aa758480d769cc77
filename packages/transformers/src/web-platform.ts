/** In browsers models are bytes in memory. */
import { env } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { decodeModel, encodeModel } from '@transprune/onnx';
import type { Platform } from './platform.js';

export const webPlatform: Platform = {
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
  async rewrite(source, change) {
    if (typeof source === 'string') {
      throw new TransPruneError(
        'UNSUPPORTED_MODEL',
        `expected the bytes of a model to rewrite, got the path ${source}; in Node import the package with the condition node`,
        { path: source },
      );
    }
    const model = decodeModel(source);
    const changed = change(model);
    return changed === model ? source : encodeModel(changed);
  },
};
