/** In Node models are files, and rewritten ones are kept. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { env } from '@huggingface/transformers';
import type { Platform } from '../platform.js';
import { rewriteElsewhere } from './process.js';

export const platform: Platform = {
  async lend(bytes, use) {
    const folder = await mkdtemp(join(tmpdir(), 'transprune-'));
    const { allowLocalModels } = env;
    env.allowLocalModels = true;
    try {
      await writeFile(join(folder, 'model.onnx'), bytes);
      return await use(folder);
    } finally {
      env.allowLocalModels = allowLocalModels;
      await rm(folder, { recursive: true, force: true });
    }
  },
  async prune(source, options) {
    if (typeof source !== 'string') {
      const inMemory = await import('../web/platform.js');
      return inMemory.platform.prune(source, options);
    }
    // By its name a decoder is known without reading all models.
    if (!basename(source).startsWith('decoder_model_merged')) return undefined;
    const found = rewriteElsewhere(source, options);
    if (found) return found;
    const { rewriteDecoder } = await import('./rewrite.js');
    return rewriteDecoder(source, options);
  },
};
