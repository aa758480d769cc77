/** Conversations: each turn on top of the caches of those before. */
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import { modelFolder } from '@transprune/files/node';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { embeddedDecoder, numbersIn, prunedBytes, watchedBackend } from '../../testing/embedded.js';
import { createEngine, type LocalEngine } from '../create.js';

const sample = (number: number) => join(samplesDirectory, `scene-${number}.png`);
const perImage = 144;
const plan = createPlan({
  accumulateLayers: [2, 3, 4],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 4, keepRatio: 0.25 },
  ],
});
const whole = { ...plan, stages: [{ afterLayer: 3, keepRatio: 1 }] };
const [first, second] = ['what color is the heart?', 'describe the image'];

const backend = watchedBackend();
const decoder = embeddedDecoder({ rotary: 'separate' });
let engine: LocalEngine;

beforeAll(async () => {
  engine = await createEngine({
    files: await modelFolder(modelDirectory),
    backend,
    decoder: prunedBytes(decoder, createPlan({ stages: [] })),
  });
});
afterAll(() => engine.dispose());
beforeEach(() => {
  backend.decoderFeeds.length = 0;
});

const pastLengths = (feeds: (typeof backend.decoderFeeds)[number] | undefined) =>
  [0, 3, 11].map((layer) => feeds?.[`past_key_values.${layer}.key`]?.dims[2]);

describe('a conversation', () => {
  test('answers as a prompt with all that was said', async () => {
    const chat = engine.chat();
    const { text, tokenIds, prompt } = await reply(chat, { question: first, images: [sample(1)] });
    backend.decoderFeeds.length = 0;
    const next = await reply(chat, { question: second });
    await chat.dispose();
    const all = `${prompt.text}${text}</s>${second} answer:`;
    const expected = await answer(engine, { prompt: all, images: [sample(1)] });
    expect(next.tokenIds).toEqual(expected.tokenIds);
    expect(next.prompt.text).toBe(`${second} answer:`);
    expect(next.cache.atEnd.lengths).toEqual(expected.cache.atEnd.lengths);

    // The last token of the answer, and what the question adds.
    const past = prompt.textTokens + perImage + tokenIds.length - 1;
    const added = next.prompt.textTokens;
    const [prefill, step] = backend.decoderFeeds;
    expect(prefill?.inputs_embeds?.dims[1]).toBe(added);
    expect(pastLengths(prefill)).toEqual([past, past, past]);
    expect(prefill?.attention_mask?.dims).toEqual([1, past + added]);
    expect(numbersIn(prefill?.position_ids)).toEqual(
      Array.from({ length: added }, (_, i) => past + i),
    );
    expect(numbersIn(step?.position_ids)).toEqual([past + added]);
  });

  test('may bring another image, and stop in between', async () => {
    const pruned = await engine.withDecoder(prunedBytes(decoder, whole));
    const answers = [];
    for (const { chat } of [engine, pruned]) {
      const talk = chat();
      const cut = await reply(talk, { question: second, images: [sample(1)], maxNewTokens: 3 });
      const next = await reply(talk, { question: first, images: [sample(2)] });
      const last = await reply(talk, { question: second });
      await talk.dispose();
      expect([cut.finishReason, next.prompt.imageTokens]).toEqual(['length', perImage]);
      expect(last.prompt.imageTokens).toBe(0);
      answers.push([cut, next, last].map(({ tokenIds }) => tokenIds));
    }
    expect(answers[1]).toEqual(answers[0]);
    const expected = await answer(engine, {
      prompt: `<image>${second} answer: ${(await cutText()).trim()}<image>${first} answer:`,
      images: [sample(1), sample(2)],
    });
    expect(answers[0]?.[1]).toEqual(expected.tokenIds);
    await pruned.dispose();

    async function cutText() {
      const request = { question: second, images: [sample(1)], maxNewTokens: 3 };
      return (await answer(engine, request)).text;
    }
  });
});

describe.each([
  ['pruned', {}],
  ['pruned for batches', { batch: true }],
  ['pruned at its own ratios', { runtimeRatios: true }],
])('a conversation, %s', (_, options) => {
  test('prunes each turn; what is left stays', async () => {
    const pruned = await engine.withDecoder(prunedBytes(decoder, plan, options));
    const simple = await engine.withDecoder(prunedBytes(decoder, plan));
    const chat = pruned.chat();
    const expected = simple.chat();
    let texts = 0;
    let images = [0, 0, 0];
    for (const [question, picture] of [
      [first, 1],
      [second, undefined],
      [second, 2],
    ] as const) {
      const turn = { question, ...(picture && { images: [sample(picture)] }) };
      const result = await reply(chat, turn);
      expect(result.tokenIds).toEqual((await reply(expected, turn)).tokenIds);
      texts += result.prompt.textTokens + result.tokenIds.length - 1;
      if (picture) images = images.map((count, stage) => count + perImage / 2 ** stage);
      expect([0, 3, 11].map((layer) => result.cache.atEnd.lengths[layer])).toEqual(
        images.map((count) => count + texts),
      );
      expect(result.stages.map(({ keptImageTokens }) => keptImageTokens.length)).toEqual(
        picture ? [72, 36] : [0, 0],
      );
    }
    for (const each of [chat, expected, pruned, simple]) await each.dispose();
  });
});

test('mistakes leave a conversation as it was; a disposed one is over', async () => {
  const chat = engine.chat();
  await reply(chat, { question: first, images: [sample(1)] });
  await expect(reply(chat, { question: first, images: ['none.png'] })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  await expect(reply(chat, { question: first, keepRatios: [1] })).rejects.toThrow(/keepRatios/);
  const next = await reply(chat, { question: second });
  expect(next.text.length).toBeGreaterThan(0);
  await chat.dispose();
  await chat.dispose();
  await expect(reply(chat, { question: second })).rejects.toThrow(/one that is disposed/);
});
