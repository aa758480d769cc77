import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { createPlan, TransPruneError } from '@transprune/core';
import { modelFolder, readModelFile } from '@transprune/files/node';
import { encodeModel, pruneModel } from '@transprune/onnx';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer } from '../../testing/ask.js';
import { createEngine, type LocalEngine } from '../create.js';
import { collect } from './collect.js';

const image = join(samplesDirectory, 'scene-1.png');
const question = 'describe the image';
const imageTokens = 144;

let engine: LocalEngine;

async function failure(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.catch((cause: unknown) => cause);
  return TransPruneError.isInstance(error) ? `${error.code}: ${error.message}` : String(error);
}

beforeAll(async () => {
  engine = await createEngine({ files: await modelFolder(modelDirectory), backend: nodeBackend });
});
afterAll(() => engine.dispose());

describe('the embedded model', () => {
  test('answers, counts and measures', async () => {
    const shown: string[] = [];
    const events = engine.generate({ question, images: [image] });
    const result = await collect(events, ({ text }) => shown.push(text));
    expect(result.text.length).toBeGreaterThan(0);
    expect(shown.join('').trim()).toBe(result.text);
    expect(shown).toHaveLength(result.tokenIds.length);
    expect(result.finishReason).toBe('stop');
    expect(result.prompt.imageTokens).toBe(imageTokens);
    expect(result.prompt.imagePositions).toHaveLength(imageTokens);
    expect(result.prompt.text).toContain(question);
    expect(result.stages).toEqual([]);

    const length = result.prompt.textTokens + imageTokens + result.tokenIds.length - 1;
    const [layers, kvHeads, headDim] = [result.cache.atEnd.lengths.length, 4, 32];
    expect(result.cache.atEnd.lengths.every((found) => found === length)).toBe(true);
    expect(result.cache.atEnd.bytes).toBe(layers * 2 * kvHeads * headDim * length * 4);

    const { visionMs, prefillMs, timeToFirstTokenMs, totalMs } = result.timings;
    expect(visionMs).toBeGreaterThan(0);
    expect(timeToFirstTokenMs).toBeGreaterThan(visionMs + prefillMs);
    expect(totalMs).toBeGreaterThan(timeToFirstTokenMs);
    expect(result.timings.decodeTokensPerSecond).toBeGreaterThan(0);
  });

  test('gives the same answer again, also to calls that overlap', async () => {
    const ask = (name: string) =>
      answer(engine, { question, images: [join(samplesDirectory, name)] });
    const alone = [(await ask('scene-1.png')).text, (await ask('scene-2.png')).text];
    const together = await Promise.all([ask('scene-1.png'), ask('scene-2.png')]);
    expect(together.map(({ text }) => text)).toEqual(alone);
    expect(alone[0]).not.toBe(alone[1]);
  });

  test('gives each its own answer, with an aborted one among them', async () => {
    const ask = (number: number) => ({
      question,
      images: [join(samplesDirectory, `scene-${number}.png`)],
    });
    const alone = [await answer(engine, ask(1)), await answer(engine, ask(2))];
    const controller = new AbortController();
    const { signal } = controller;
    let tokens = 0;
    const [first, aborted, second] = await Promise.all([
      answer(engine, ask(1)),
      collect(engine.generate({ ...ask(3), signal }), () => ++tokens === 2 && controller.abort()),
      answer(engine, ask(2)),
    ]);
    expect([first.tokenIds, second.tokenIds]).toEqual(alone.map(({ tokenIds }) => tokenIds));
    expect(aborted).toMatchObject({ finishReason: 'aborted', tokenIds: { length: 2 } });
  });

  test('draws the same answer with the same seed', async () => {
    const drawn = async (seed: number) => {
      const sampling = { temperature: 3, seed };
      const request = { question, images: [image], sampling, maxNewTokens: 20 };
      return (await answer(engine, request)).tokenIds;
    };
    expect(await drawn(1)).toEqual(await drawn(1));
    expect(await drawn(1)).not.toEqual(await drawn(2));
  });

  test('ends before a stop text', async () => {
    const whole = await answer(engine, { question, images: [image] });
    const [first, second] = whole.text.split(' ');
    const shown: string[] = [];
    const events = engine.generate({ question, images: [image], stop: [` ${second}`, 'never'] });
    const stopped = await collect(events, ({ text }) => shown.push(text));
    expect([stopped.text, shown.join('')]).toEqual([first, first]);
    expect(stopped.finishReason).toBe('stop');
  });

  test('takes images as bytes, data URLs and messages', async () => {
    const expected = (await answer(engine, { question, images: [image] })).text;
    const bytes = await readFile(image);
    const url = `data:image/png;base64,${bytes.toString('base64')}`;
    for (const source of [bytes, url, new Blob([bytes])]) {
      expect((await answer(engine, { question, images: [source] })).text).toBe(expected);
    }
    const messages = [
      {
        role: 'user',
        content: [{ type: 'image' }, { type: 'text', text: question }],
      },
    ] as const;
    expect((await answer(engine, { messages, images: [image] })).text).toBe(expected);
  });

  test('stops at the limit and at the signal', async () => {
    const short = await answer(engine, { question, images: [image], maxNewTokens: 3 });
    expect(short.tokenIds).toHaveLength(3);
    expect(short.finishReason).toBe('length');

    const controller = new AbortController();
    const { signal } = controller;
    const events = engine.generate({ question, images: [image], signal });
    const aborted = await collect(events, () => controller.abort());
    expect(aborted.tokenIds).toHaveLength(1);
    expect(aborted.finishReason).toBe('aborted');
    expect(aborted.timings.decodeTokensPerSecond).toBe(0);
  });

  test('answers text alone', async () => {
    const result = await answer(engine, {
      question: 'how many circles are there',
      maxNewTokens: 4,
    });
    expect(result.prompt.imageTokens).toBe(0);
    expect(result.timings.visionMs).toBe(0);
    expect(result.tokenIds.length).toBeGreaterThan(0);
  });
});

describe('a prompt of as many tokens as there are positions', () => {
  const most = JSON.parse(readFileSync(join(modelDirectory, 'config.json'), 'utf8')).text_config
    .max_position_embeddings as number;
  const ask = (words: number) =>
    answer(engine, { prompt: Array(words).fill('heart').join(' '), maxNewTokens: 5 });

  test('is refused with both lengths; one less leaves room for a token', async () => {
    const others = (await ask(1)).usage.promptTokens - 1;
    expect((await ask(most - others - 1)).tokenIds).toHaveLength(1);
    expect(await failure(ask(most - others))).toMatch(
      new RegExp(`^INVALID_ARGUMENT: expected a prompt of under ${most} tokens, .* got ${most},`),
    );
  });

  test('is refused in a conversation, whose turns before count', async () => {
    const chat = engine.chat();
    const asking = (words: number) =>
      collect(chat.ask({ question: Array(words).fill('heart').join(' '), maxNewTokens: 2 }));
    await asking(Math.floor(most * 0.6));
    expect(await failure(asking(Math.floor(most * 0.6)))).toMatch(/start another conversation$/);
    expect((await asking(1)).tokenIds.length).toBeGreaterThan(0);
    await chat.dispose();
  });
});

describe('a pruned decoder', () => {
  const plan = createPlan({
    accumulateLayers: [2, 3, 4],
    stages: [
      { afterLayer: 2, keepRatio: 0.5 },
      { afterLayer: 4, keepRatio: 0.25 },
    ],
  });

  async function prunedWith(trace: boolean, stages = plan.stages): Promise<LocalEngine> {
    const decoder = await readModelFile(join(modelDirectory, 'onnx', 'decoder_model_merged.onnx'));
    const { model } = pruneModel(decoder, { ...plan, stages }, { trace });
    return engine.withDecoder({ bytes: encodeModel(model) });
  }

  test('gets its mask, shortens its caches and tells what it kept', async () => {
    const pruned = await prunedWith(true);
    const result = await answer(pruned, { question, images: [image] });
    const { textTokens } = result.prompt;
    expect(result.stages.map(({ keptImageTokens }) => keptImageTokens.length)).toEqual([72, 36]);
    expect(result.stages.map(({ kept }) => kept.length)).toEqual([
      72 + textTokens,
      36 + textTokens,
    ]);
    expect(result.stages[0]?.scores).toHaveLength(imageTokens + textTokens);
    const [first, second] = result.stages;
    expect(second?.kept.every((position) => first?.kept.includes(position))).toBe(true);
    const decoded = result.tokenIds.length - 1;
    const wanted = result.cache.atEnd.lengths.map((_, layer) =>
      layer < 2 ? imageTokens : layer < 4 ? 72 : 36,
    );
    expect(result.cache.atEnd.lengths).toEqual(
      wanted.map((images) => images + textTokens + decoded),
    );
    await pruned.dispose();
  });

  test('that keeps everything answers as the unpruned one', async () => {
    const unpruned = await answer(engine, { question, images: [image] });
    const pruned = await prunedWith(false, [{ afterLayer: 3, keepRatio: 1 }]);
    const result = await answer(pruned, { question, images: [image] });
    expect(result.tokenIds).toEqual(unpruned.tokenIds);
    expect(result.stages).toEqual([]);
    await pruned.dispose();
    expect((await answer(engine, { question, images: [image] })).text).toBe(unpruned.text);
  });
});

describe('mistakes', () => {
  test('of images', async () => {
    const config = join(modelDirectory, 'config.json');
    expect(await failure(answer(engine, { question, images: [config] }))).toContain(
      `INVALID_IMAGE: expected "${config}" to be an image such as PNG, JPEG or WebP`,
    );
    expect(await failure(answer(engine, { question, images: ['nothing.png'] }))).toBe(
      'NOT_FOUND: there is no image at "nothing.png"; check the path',
    );
  });

  test('of placeholders', async () => {
    const prompt = '<image><image>describe the image answer:';
    expect(await failure(answer(engine, { prompt, images: [image] }))).toMatch(
      /^INVALID_ARGUMENT: .*\(<image>\) in the prompt, got 1 and 2/,
    );
    expect(
      await failure(answer(engine, { prompt: 'describe the image', images: [image] })),
    ).toMatch(
      /^INVALID_MODEL: .*as many image tokens .* got 0 and 144; give the prompt a placeholder/,
    );
    expect(await failure(answer(engine, { question, maxNewTokens: 0 }))).toMatch(
      /^INVALID_ARGUMENT/,
    );
  });

  test('of decoders leave the model usable', async () => {
    const missing = join(modelDirectory, 'none.onnx');
    expect(await failure(engine.withDecoder({ path: missing }))).toMatch(/^NOT_FOUND/);
    expect((await answer(engine, { question, images: [image] })).text.length).toBeGreaterThan(0);
  });
});
