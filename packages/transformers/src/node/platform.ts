/** In Node models are files, and rewritten ones are kept. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepModel, readModelFile } from '@transprune/files/node';
import type { Platform } from '../platform.js';
import { webPlatform } from '../web-platform.js';

export const nodePlatform: Platform = {
  async lend(bytes, use) {
    const folder = await mkdtemp(join(tmpdir(), 'transprune-'));
    try {
      await writeFile(join(folder, 'model.onnx'), bytes);
      return await use(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  async rewrite(source, change) {
    if (typeof source !== 'string') return webPlatform.rewrite(source, change);
    const model = await readModelFile(source);
    const changed = change(model);
    return changed === model ? source : keepModel(changed, source);
  },
};
