/** Fewer image tokens before the decoder, in engines of models with and without class token. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import {
  createPlan,
  type Reduction,
  reducedTokens,
  reductionNames,
  TransPruneError,
} from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import { type HubModel, hubCases, hubFolder } from '@transprune/fixtures';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, describe, expect, test } from 'vitest';
import { embeddedDecoder, prunedBytes } from '../../testing/embedded.js';
import { collect, createEngine, type EngineOptions, type LocalEngine } from '../index.js';
import { withReducedImages } from './prompt.js';

const opened: LocalEngine[] = [];
afterAll(() => Promise.all(opened.map((engine) => engine.dispose())));

async function open(folder: string, options: Partial<EngineOptions>): Promise<LocalEngine> {
  const files = await modelFolder(folder);
  const engine = await createEngine({ files, backend: nodeBackend, ...options });
  opened.push(engine);
  return engine;
}

const scene = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const question = 'what color is the heart?';

/** Image tokens of a prompt, and what it is answered. */
async function ask(engine: LocalEngine, images: readonly string[], asked = question) {
  const { prompt, cache, text } = await collect(engine.generate({ question: asked, images }));
  const { imageTokens, textTokens } = prompt;
  return { imageTokens, text, layers: cache.afterPrefill.lengths.map((n) => n - textTokens) };
}

describe('the embedded model', () => {
  const tokensOf = async (reduction?: Reduction) => {
    const engine = await open(modelDirectory, { reduction });
    return (await ask(engine, [scene(1)])).imageTokens;
  };

  test.each(reductionNames)('%s leaves so many tokens in every layer', async (method) => {
    const all = await tokensOf();
    const reduction = { method, tokens: Math.floor(all / 4) };
    const engine = await open(modelDirectory, { reduction });
    const { imageTokens, layers } = await ask(engine, [scene(1)]);
    expect(imageTokens).toBe(reducedTokens(reduction, all));
    expect(new Set(layers)).toEqual(new Set([imageTokens]));
  });

  test('with as many tokens as there are nothing changes', async () => {
    const engine = await open(modelDirectory, {});
    const plain = await ask(engine, [scene(1)]);
    const reduction = { method: 'vision-zip', tokens: plain.imageTokens } as const;
    expect(await ask(await open(modelDirectory, { reduction }), [scene(1)])).toEqual(plain);
  });

  test('a prune in the decoder counts from what is left', async () => {
    const decoder = prunedBytes(
      embeddedDecoder(),
      createPlan({ method: 'random', stages: [{ afterLayer: 2, keepRatio: 0.5 }] }),
    );
    const reduction = { method: 'div-prune', tokens: 40 } as const;
    const engine = await open(modelDirectory, { reduction, decoder });
    const { layers } = await ask(engine, [scene(1)]);
    expect(layers.slice(0, 4)).toEqual([40, 40, 20, 20]);
  });

  test('each picture of a prompt is reduced, and each turn of a conversation', async () => {
    const reduction = { method: 'vision-zip', tokens: 30 } as const;
    const engine = await open(modelDirectory, { reduction, visionCacheBytes: 1e7 });
    expect((await ask(engine, [scene(1), scene(2)])).imageTokens).toBe(60);
    const chat = engine.chat();
    const turn = (number: number) => collect(chat.ask({ question, images: [scene(number)] }));
    expect((await turn(1)).prompt.imageTokens).toBe(30);
    expect((await turn(2)).prompt.imageTokens).toBe(30);
    await chat.dispose();
    expect((await ask(engine, [], 'how many objects?')).imageTokens).toBe(0);
  });

  test('what is no reduction is refused before anything is opened', async () => {
    const reduction = { method: 'random', tokens: 0 } as const;
    const opening = open(modelDirectory, { reduction });
    await expect(opening).rejects.toThrow(TransPruneError);
    await expect(opening).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('models of the hub', () => {
  const oneImage = (model: HubModel) => {
    const found = hubCases().find((each) => each.model === model && each.images.length === 1);
    if (!found) throw new Error(`expected a prompt with a picture of ${model}`);
    return { prompt: found.prompt, images: found.images };
  };

  test.each(['llava', 'paligemma'] as const)('%s is asked with fewer tokens', async (model) => {
    for (const method of ['vision-zip', 'div-prune'] as const) {
      const engine = await open(hubFolder(model), { reduction: { method, tokens: 12 } });
      const result = await collect(engine.generate({ ...oneImage(model), maxNewTokens: 2 }));
      expect(result.prompt.imageTokens).toBe(12);
    }
  });

  test('pictures of any size, or in tiles, are refused', async () => {
    const reduction = { method: 'random', tokens: 4 } as const;
    for (const model of ['qwen2_5_vl', 'idefics3'] as const) {
      const engine = await open(hubFolder(model), { reduction });
      const asking = collect(engine.generate({ ...oneImage(model), maxNewTokens: 1 }));
      await expect(asking).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    }
  });
});

test('a picture in pieces, and pictures of several sizes, are told from others', () => {
  const reduction = { method: 'random', tokens: 1 } as const;
  const reduced = (ids: readonly number[], images: number) =>
    withReducedImages(ids, 9, images, reduction);
  expect(reduced([1, 9, 9, 2], 1)).toEqual([1, 9, 2]);
  expect(reduced([9, 9, 9, 9, 2], 2)).toEqual([9, 9, 2]);
  expect(() => reduced([9, 1, 9, 2], 1)).toThrow('got 2 pieces for 1; leave the reduction out');
  expect(() => reduced([9, 9, 1, 9, 2], 2)).toThrow('all of one size, to reduce them');
});
