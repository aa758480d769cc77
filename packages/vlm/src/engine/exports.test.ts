/** Exported decoders in the engine, a sample of them: transformers.js counts their positions. */
import { positionModes } from '@transprune/core';
import { exportedDecoder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { type Feeds, numbersIn } from '../../testing/embedded.js';
import { around, describeExports, plan, sample, whole } from '../../testing/exported-engine.js';
import type { LocalEngine } from '../create.js';
import type { GenerateResult } from './collect.js';

describeExports([
  ['llama', 'dynamo-18-logits-to-keep'],
  ['qwen2.5-vl', 'dynamo-18'],
]);

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
