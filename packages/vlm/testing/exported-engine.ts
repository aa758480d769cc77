/** Exported decoders in the engine: transformers.js counts their positions. */
import { join } from 'node:path';
import { createPlan, positionModes } from '@transprune/core';
import { type ExportedDecoder, exportedDecoder } from '@transprune/fixtures';
import type { ValueInfo } from '@transprune/session';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEngine, type LocalEngine } from '../src/create.js';
import { answer } from './ask.js';
import { type Feeds, numbersIn } from './embedded.js';
import { exportedSource, randomPartsBackend } from './exported.js';
import { fakeFiles, imageTokens, pixels, qwenFiles } from './fake-model.js';

export const sample = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const ask = { question: 'describe the image', images: [sample(1)], maxNewTokens: 4 };
export const plan = createPlan({
  accumulateLayers: [1, 2, 3],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 4, keepRatio: 0.25 },
  ],
});
export const whole = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, keepRatio: 1 })) };

/** Sizes under the names of Hugging Face's configs, whose caches these decoders have. */
const sizes = (decoder: ExportedDecoder) => ({
  num_hidden_layers: decoder.layers,
  num_attention_heads: 4,
  num_key_value_heads: decoder.kvHeads,
  head_dim: decoder.headDim,
  hidden_size: decoder.hidden,
});

/** A model around a decoder; `feeds` fills with what its decoders are fed. */
export async function around(decoder: ExportedDecoder) {
  const isQwen = decoder.positionRows === 3;
  const grid: ValueInfo = { name: 'grid_thw', type: 'int64', shape: ['n', 3] };
  const backend = randomPartsBackend(
    decoder.hidden,
    isQwen ? [pixels, grid] : [pixels],
    ({ grid_thw: grids, pixel_values: values }) =>
      isQwen ? patchesIn(numbersIn(grids)) / 4 : imageTokens * (values?.dims[0] ?? 0),
  );
  const text_config = { model_type: 'llama', ...sizes(decoder) };
  const files = isQwen
    ? await qwenFiles(sizes(decoder))
    : await fakeFiles({ 'config.json': { text_config } });
  const unpruned = await createEngine({ files, backend, decoder: exportedSource(decoder) });
  const opened: LocalEngine[] = [unpruned];
  onTestFinished(async () => {
    for (const engine of opened.reverse()) await engine.dispose();
  });
  return {
    unpruned,
    feeds: backend.decoderFeeds,
    async pruned(
      ...parameters: Parameters<typeof exportedSource> extends [unknown, ...infer R] ? R : never
    ) {
      const engine = await unpruned.withDecoder(exportedSource(decoder, ...parameters));
      opened.push(engine);
      backend.decoderFeeds.length = 0;
      return engine;
    },
  };
}

const patchesIn = (grids: readonly number[]) => {
  let patches = 0;
  for (let at = 0; at < grids.length; at += 3) {
    patches += (grids[at] ?? 0) * (grids[at + 1] ?? 0) * (grids[at + 2] ?? 0);
  }
  return patches;
};

const positionsOf = ({ position_ids: ids }: Feeds) => numbersIn(ids);

type Export = Parameters<typeof exportedDecoder>;

/** Tests of exported decoders as parts of a model. */
export function describeExports(exports: readonly (readonly [Export[0], Export[1]])[]): void {
  describe.each(exports)('%s, %s', (architecture, name) => {
    const decoder = exportedDecoder(architecture, name);

    test.each(positionModes)('positions %s', async (positions) => {
      const { unpruned, pruned, feeds } = await around(decoder);
      const expected = await answer(unpruned, ask);
      const unprunedFeeds = [...feeds];
      // Counted anew, positions of an image are no longer those of a grid.
      if (decoder.positionRows === 1 || positions === 'keep') {
        const kept = await pruned({ ...whole, positions });
        expect((await answer(kept, ask)).tokenIds).toEqual(expected.tokenIds);
      }

      const dropping = await pruned({ ...plan, positions });
      const { tokenIds, cache, prompt, stages } = await answer(dropping, ask);
      const n = prompt.imageTokens;
      expect(n).toBe(expected.prompt.imageTokens);
      const left = [n, Math.floor(n / 2), Math.floor(n / 4)];
      expect(stages.map(({ keptImageTokens }) => keptImageTokens.length)).toEqual(left.slice(1));
      const decoded = tokenIds.length - 1;
      const lengths = left.flatMap((images) => Array(2).fill(images + prompt.textTokens + decoded));
      expect(cache.atEnd.lengths).toEqual(lengths);
      if (!decoder.hasPositionIds) return;
      // The same positions as without a prune, and as long a mask.
      const [mine, theirs] = [feeds, unprunedFeeds].map((all) => all.slice(0, decoded + 1));
      expect(mine?.map(positionsOf)).toEqual(theirs?.map(positionsOf));
      expect(mine?.at(-1)?.attention_mask?.dims).toEqual(theirs?.at(-1)?.attention_mask?.dims);
      expect(mine?.[0]?.position_ids?.dims).toHaveLength(decoder.positionRows === 3 ? 3 : 2);
    });
  });
}
