/** Conversations of three turns with images answer as one prompt of everything that was said. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { createPlan } from '@transprune/core';
import { modelFolder, openModel } from '@transprune/files/node';
import { type HubModel, hubFolder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { answer, reply } from '../testing/ask.js';
import {
  type ChatMessage,
  type ChatTurn,
  createEngine,
  type Engine,
  type GenerateResult,
  openEngine,
} from './index.js';

/** What all turns up to each one gave, and the same as one prompt. */
async function bothWays(engine: Engine, reference: Engine, turns: readonly ChatTurn[]) {
  const chat = engine.chat();
  const messages: ChatMessage[] = [];
  const images: string[] = [];
  const inTurns: GenerateResult[] = [];
  const atOnce: GenerateResult[] = [];
  for (const turn of turns) {
    const result = await reply(chat, turn);
    inTurns.push(result);
    images.push(...((turn.images ?? []) as readonly string[]));
    const placeholders = (turn.images ?? []).map(() => ({ type: 'image' }) as const);
    const content = [...placeholders, { type: 'text', text: turn.question } as const];
    messages.push({ role: 'user', content });
    atOnce.push(
      await answer(reference, { messages: [...messages], images: [...images], maxNewTokens: 5 }),
    );
    messages.push({ role: 'assistant', content: result.text });
  }
  await chat.dispose();
  return { inTurns, atOnce };
}

const turnsOf = (folder: string): ChatTurn[] => {
  const image = (name: string) => join(folder, 'images', name);
  return [
    { question: 'what is in this picture ?', images: [image('a.png')], maxNewTokens: 5 },
    { question: 'what is in the house ?', maxNewTokens: 5 },
    { question: 'which picture has more red ?', images: [image('wide.png')], maxNewTokens: 5 },
  ];
};

describe.each<HubModel>(['gemma4', 'lfm2_vl', 'qwen3_5', 'qwen3_vl'])('%s', (model) => {
  test('unpruned', async () => {
    const folder = hubFolder(model);
    const engine = await createEngine({ files: await modelFolder(folder), backend: nodeBackend });
    const { inTurns, atOnce } = await bothWays(engine, engine, turnsOf(folder));
    expect(inTurns.map(({ tokenIds }) => tokenIds)).toEqual(atOnce.map(({ tokenIds }) => tokenIds));
    expect(inTurns.map(({ cache }) => cache.atEnd.lengths)).toEqual(
      atOnce.map(({ cache }) => cache.atEnd.lengths),
    );
    await engine.dispose();
  });
});

test.each([
  ['qwen3_vl', 3, 'keep', true],
  ['qwen3_5', 3, 'keep', false],
  ['lfm2_vl', 4, 'renumber', false],
  ['gemma4', 4, 'renumber', true],
] as const)('%s, pruned with everything kept', async (model, afterLayer, positions, batch) => {
  const folder = hubFolder(model);
  const plan = createPlan({
    accumulateLayers: [2, 3],
    positions,
    stages: [{ afterLayer, keepRatio: 1 }],
  });
  const shared = { model: { folder }, backend: nodeBackend, open: openModel };
  const reference = await openEngine(shared);
  const engine = await openEngine({ ...shared, pruning: { plan, options: { batch } } });
  const { inTurns, atOnce } = await bothWays(engine, reference, turnsOf(folder));
  expect(inTurns.map(({ tokenIds }) => tokenIds)).toEqual(atOnce.map(({ tokenIds }) => tokenIds));
  await engine.dispose();
  await reference.dispose();
});

test('a decoder for caches of a fixed length answers as one for those that grow', async () => {
  const folder = hubFolder('qwen3_5');
  const plan = createPlan({ accumulateLayers: [3], stages: [{ afterLayer: 3, keepRatio: 0.3 }] });
  const answers: GenerateResult[][] = [];
  for (const cache of ['growing', 'fixed'] as const) {
    const engine = await openEngine({
      ...{ model: { folder }, backend: nodeBackend, open: openModel },
      pruning: { plan, options: { cache } },
    });
    const chat = engine.chat();
    const results: GenerateResult[] = [];
    for (const turn of turnsOf(folder)) results.push(await reply(chat, turn));
    answers.push(results);
    await chat.dispose();
    await engine.dispose();
  }
  const [growing = [], fixed = []] = answers;
  expect(fixed.map(({ tokenIds }) => tokenIds)).toEqual(growing.map(({ tokenIds }) => tokenIds));
  expect(fixed.map(({ cache }) => cache)).toEqual(growing.map(({ cache }) => cache));
});

test('a prompt of nothing is refused, where the tokenizer adds nothing', async () => {
  const files = await modelFolder(hubFolder('qwen3_vl'));
  const engine = await createEngine({ files, backend: nodeBackend });
  await expect(answer(engine, { prompt: '' })).rejects.toThrow(/at least one token/);
  await engine.dispose();
});
