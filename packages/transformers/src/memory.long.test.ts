/** What loading takes of memory, in processes of their own, which run what was built. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decoderConfig } from '@transprune/core';
import { hubFolder, hubModels } from '@transprune/fixtures';
import { buildDecoder, encodePieces, type WeightSource } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { useOwnCache } from '../testing/cache.js';
import { llavaWith } from '../testing/variants.js';

useOwnCache();

const program = fileURLToPath(new URL('../testing/load.mjs', import.meta.url));

async function load(way: 'stock' | 'pruned', folder: string) {
  const { stdout } = await promisify(execFile)(process.execPath, [program, way, folder]);
  return JSON.parse(stdout) as { readonly peak: number; readonly stages: number };
}

/** How much more loading may take than the library takes. */
const limit = 1.15;

/** Peaks in turn, of each the smallest, until they are apart by less than is allowed; three rounds at most. */
async function compare(folder: string): Promise<number> {
  const peaks = { stock: Number.POSITIVE_INFINITY, pruned: Number.POSITIVE_INFINITY };
  for (let round = 0; round < 3 && !(peaks.pruned / peaks.stock < limit); round++) {
    for (const way of ['stock', 'pruned'] as const) {
      const { peak, stages } = await load(way, folder);
      expect(stages > 0).toBe(way === 'pruned');
      peaks[way] = Math.min(peaks[way], peak);
    }
  }
  const ratio = peaks.pruned / peaks.stock;
  console.info(`${folder}: ${JSON.stringify(peaks)} KiB, ${ratio.toFixed(3)}`);
  return ratio;
}

test.each(hubModels)('%s takes at most 1.15 of what the library takes', async (model) => {
  expect(await compare(hubFolder(model))).toBeLessThan(limit);
});

test('so does a model with 200 MB of weights in its file', async () => {
  const weights: WeightSource = {
    linear: (_, inputs, outputs) =>
      new Float32Array(inputs * outputs.reduce((sum, size) => sum + size, 0)).fill(0.01),
    vector: (_, size) => new Float32Array(size).fill(1),
  };
  const sizes = decoderConfig({
    ...{ num_hidden_layers: 8, hidden_size: 768, num_attention_heads: 12 },
    ...{ intermediate_size: 2048, vocab_size: 512 },
  });
  const folder = await llavaWith((decoder) => decoder);
  const pieces = encodePieces(buildDecoder(sizes, weights));
  await writeFile(join(folder, 'onnx', 'decoder_model_merged.onnx'), pieces);
  expect(await compare(folder)).toBeLessThan(limit);
});

test('two processes at once open the same decoder', async () => {
  const folder = await llavaWith((decoder) => decoder);
  const loaded = await Promise.all([load('pruned', folder), load('pruned', folder)]);
  expect(loaded.map(({ stages }) => stages)).toEqual([3, 3]);
});
