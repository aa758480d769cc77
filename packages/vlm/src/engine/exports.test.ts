/** Exported decoders in the engine: transformers.js counts their positions. */
import { join } from 'node:path';
import { createPlan, positionModes } from '@transprune/core';
import { samplesDirectory } from '@transprune/embedded-model';
import { type ExportedDecoder, exportedDecoder } from '@transprune/fixtures';
import type { ValueInfo } from '@transprune/session';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { type Feeds, numbersIn } from '../../testing/embedded.js';
import { exportedSource, randomPartsBackend } from '../../testing/exported.js';
import { fakeFiles, imageTokens, pixels, qwenFiles } from '../../testing/fake-model.js';
import type { GenerateResult } from './collect.js';
import { createEngine, type LocalEngine } from './create.js';

const sample = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const ask = { question: 'describe the image', images: [sample(1)], maxNewTokens: 4 };
const plan = createPlan({
  accumulateLayers: [1, 2, 3],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 4, keepRatio: 0.25 },
  ],
});
const whole = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, keepRatio: 1 })) };

/** Sizes under the names of Hugging Face's configs, whose caches these decoders have. */
const sizes = (decoder: ExportedDecoder) => ({
  num_hidden_layers: decoder.layers,
  num_attention_heads: 4,
  num_key_value_heads: decoder.kvHeads,
  head_dim: decoder.headDim,
  hidden_size: decoder.hidden,
});

/** A model around a decoder; `feeds` fills with what its decoders are fed. */
async function around(decoder: ExportedDecoder) {
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

describe.each([
  ['llama', 'torchscript-17'],
  ['llama', 'torchscript-17-float16'],
  ['llama', 'torchscript-17-no-positions'],
  ['llama', 'dynamo-18-float16'],
  ['llama', 'dynamo-18-logits-to-keep'],
  ['llama', 'dynamo-23'],
  ['qwen2.5-vl', 'torchscript-17'],
  ['qwen2.5-vl', 'dynamo-18'],
  ['qwen3-vl', 'dynamo-23'],
] as const)('%s, %s', (architecture, name) => {
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
    expect(cache.lengths).toEqual(lengths);
    if (!decoder.hasPositionIds) return;
    // The same positions as without a prune, and as long a mask.
    const [mine, theirs] = [feeds, unprunedFeeds].map((all) => all.slice(0, decoded + 1));
    expect(mine?.map(positionsOf)).toEqual(theirs?.map(positionsOf));
    expect(mine?.at(-1)?.attention_mask?.dims).toEqual(theirs?.at(-1)?.attention_mask?.dims);
    expect(mine?.[0]?.position_ids?.dims).toHaveLength(decoder.positionRows === 3 ? 3 : 2);
  });
});

describe('a conversation with positions in three rows', () => {
  const decoder = exportedDecoder('qwen2.5-vl', 'dynamo-18');
  const turns = [
    { question: 'what color is the heart', images: [sample(1)], maxNewTokens: 3 },
    { question: 'describe the image', maxNewTokens: 3 },
    { question: 'how many circles are there', images: [sample(2)], maxNewTokens: 3 },
  ];

  const talk = async (engine: LocalEngine) => {
    const chat = engine.chat();
    const results: GenerateResult[] = [];
    for (const turn of turns) results.push(await reply(chat, turn));
    await chat.dispose();
    return results;
  };

  test('counts on, in grids where there are images, and embeds new ones', async () => {
    const { unpruned, feeds } = await around(decoder);
    const results = await talk(unpruned);
    expect(results.map(({ prompt }) => prompt.imageTokens)).toEqual([9, 0, 9]);
    const isImage = results.flatMap(({ prompt, tokenIds }) => [
      ...Array.from({ length: prompt.textTokens + prompt.imageTokens }, (_, i) =>
        prompt.imagePositions.includes(i),
      ),
      ...tokenIds.slice(1).map(() => false),
    ]);
    const fed = [0, 1, 2].map((row) =>
      feeds.flatMap(({ position_ids: ids }) => {
        const tokens = ids?.dims[2] ?? 0;
        return numbersIn(ids).slice(row * tokens, (row + 1) * tokens);
      }),
    );
    expect(fed).toEqual(gridPositions(isImage, 3));

    const last = results[2]?.prompt;
    const start = feeds.findLastIndex(({ inputs_embeds: x }) => x?.dims[1] === tokensOf(last));
    const inChat = rowsOf(feeds[start], last?.imagePositions ?? []);
    feeds.length = 0;
    const { prompt } = await answer(unpruned, { question: 'heart', images: [sample(2)] });
    expect(inChat).toEqual(rowsOf(feeds[0], prompt.imagePositions));
  });

  test('pruned, everything kept, answers as unpruned; else each turn is pruned', async () => {
    const { unpruned, pruned } = await around(decoder);
    const answers = (results: readonly GenerateResult[]) => results.map(({ tokenIds }) => tokenIds);
    const expected = await talk(unpruned);
    const same = await talk(await pruned({ ...whole, positions: 'keep' }, { batch: true }));
    expect(answers(same)).toEqual(answers(expected));
    for (const positions of positionModes) {
      const dropping = await talk(await pruned({ ...plan, positions }));
      expect(dropping.map(({ stages }) => stages[1]?.keptImageTokens.length)).toEqual([2, 0, 2]);
    }
  });
});

const tokensOf = (prompt: GenerateResult['prompt'] | undefined) =>
  (prompt?.textTokens ?? 0) + (prompt?.imageTokens ?? 0);

/** Embeddings at some positions. */
function rowsOf(feeds: Feeds | undefined, positions: readonly number[]): number[][] {
  const x = feeds?.inputs_embeds;
  const hidden = x?.dims[2] ?? 0;
  return positions.map((at) => numbersIn(x).slice(at * hidden, (at + 1) * hidden));
}

/** Time, height and width as M-RoPE counts them, for images of `width` times `width` tokens. */
function gridPositions(isImage: readonly boolean[], width: number): number[][] {
  const rows: number[][] = [[], [], []];
  let next = 0;
  let inImage = 0;
  for (const image of isImage) {
    const [down, right] = image ? [Math.floor(inImage / width), inImage % width] : [0, 0];
    for (const [row, offset] of [0, down, right].entries()) rows[row]?.push(next + offset);
    inImage = image ? inImage + 1 : 0;
    if (!image) next++;
    else if (inImage === width * width) next += width;
  }
  return rows;
}
