/** The embedded decoder in other layouts, pruned. */
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import type { BuildOptions } from '@transprune/onnx';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine, type LocalEngine } from '../src/create.js';
import { answer } from './ask.js';
import { embeddedDecoder, numbersIn, prunedBytes, watchedBackend } from './embedded.js';

const ask = { question: 'describe the image', images: [join(samplesDirectory, 'scene-1.png')] };
const perImage = 144;
const stages = (...ratios: number[]) =>
  ratios.map((keepRatio, i) => ({ afterLayer: 2 + 2 * i, keepRatio }));
const plan = createPlan({ accumulateLayers: [2, 3, 4], stages: stages(0.5, 0.25) });

/** Image tokens that each layer's cache holds. */
const imagesLeft = (lengths: readonly number[], textTokens: number, answered: number) =>
  lengths.map((length) => length - textTokens - (answered - 1));

/** Tests of pruned decoders of several layouts. */
export function describeLayouts(layouts: readonly (readonly [string, BuildOptions])[]): void {
  const backend = watchedBackend();
  let engine: LocalEngine;

  beforeAll(async () => {
    engine = await createEngine({ files: await modelFolder(modelDirectory), backend });
  });
  afterAll(() => engine.dispose());
  beforeEach(() => {
    backend.decoderFeeds.length = 0;
  });

  describe.each(layouts)('%s', (_, layout) => {
    const decoder = embeddedDecoder(layout);

    test.each(['renumber', 'keep'] as const)(
      '%s: ratio 1 answers as unpruned',
      async (positions) => {
        const unpruned = await engine.withDecoder(prunedBytes(decoder, createPlan({ stages: [] })));
        const expected = await answer(unpruned, ask);
        const whole = { ...plan, positions, stages: stages(1, 1) };
        const pruned = await engine.withDecoder(prunedBytes(decoder, whole));
        expect((await answer(pruned, ask)).tokenIds).toEqual(expected.tokenIds);
        await pruned.dispose();
        await unpruned.dispose();
      },
    );

    test.each(['renumber', 'keep'] as const)(
      '%s: prunes, and goes on counting',
      async (positions) => {
        const pruned = await engine.withDecoder(prunedBytes(decoder, { ...plan, positions }));
        const { prompt, cache, tokenIds } = await answer(pruned, { ...ask, maxNewTokens: 4 });
        expect(tokenIds).toHaveLength(4);
        const left = imagesLeft(cache.atEnd.lengths, prompt.textTokens, 4);
        expect(left.slice(0, 6)).toEqual([144, 144, 72, 72, 36, 36]);
        const total = prompt.textTokens + perImage;
        const [prefill, ...steps] = backend.decoderFeeds;
        expect(steps).toHaveLength(3);
        if (prefill?.position_ids) {
          expect(numbersIn(prefill.position_ids)).toEqual(
            Array.from({ length: total }, (_, i) => i),
          );
          const counted = steps.map(({ position_ids: ids }) => numbersIn(ids));
          expect(counted).toEqual([[total], [total + 1], [total + 2]]);
        }
        expect(steps.map(({ attention_mask: mask }) => mask?.dims)).toEqual(
          [1, 2, 3].map((step) => [1, total + step]),
        );
        await pruned.dispose();
      },
    );
  });
}
