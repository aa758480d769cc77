/** An engine in another thread is used as one in this. */
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { createPlan } from '@transprune/core';
import type { ModelChoice } from '@transprune/files';
import { hubCases, hubFolder } from '@transprune/fixtures';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { bundled } from '../../testing/bundled.js';
import { loadFake } from '../../testing/fake-model.js';
import {
  collect,
  connectEngine,
  type EngineEvent,
  type EnginePort,
  serveEngine,
} from '../index.js';

async function worker(choice: ModelChoice): Promise<Worker> {
  const started = new Worker(await bundled('engine-worker'), { workerData: choice });
  onTestFinished(async () => {
    await started.terminate();
  });
  return started;
}

const asInNode = (port: MessagePort): EnginePort => port;

/** Ports of browsers have one of the two ways to listen. */
const asInBrowsers = (port: MessagePort): EnginePort => ({
  postMessage: (message) => port.postMessage(message),
  addEventListener: (type, listener) => port.addEventListener(type, listener),
  removeEventListener: (type, listener) => port.removeEventListener(type, listener),
  start: () => port.start(),
});

/** An engine on sessions in plain code, at the other end of a channel. */
async function across(setup: Parameters<typeof loadFake>[0] = {}, as = asInNode) {
  const { engine: served, sessions } = await loadFake(setup);
  const { port1, port2 } = new MessageChannel();
  serveEngine(as(port1), served);
  const engine = await connectEngine(as(port2));
  onTestFinished(() => {
    port1.close();
    port2.close();
  });
  return { engine, served, sessions, port: port2 };
}

const ask = { question: 'what color is the cross' };

describe('a worker', () => {
  const model = 'llava';
  const [first, second] = hubCases().filter((each) => each.model === model);
  const plan = createPlan({
    accumulateLayers: [2, 3],
    stages: [{ afterLayer: 3, keepRatio: 0.5 }],
  });

  test('answers, keeps conversations and says what is wrong', async () => {
    const engine = await connectEngine(await worker({ model: { folder: hubFolder(model) } }));
    expect(engine).toMatchObject({ modelType: 'llava', imageTokenId: 260 });
    for (const { prompt, images, tokens } of [first!, second!]) {
      const urls = images.map((path) => pathToFileURL(path));
      const maxNewTokens = tokens.length;
      const result = await answer(engine, { prompt, images: urls, maxNewTokens });
      expect(result.tokenIds).toEqual(tokens);
    }
    await expect(answer(engine, { question: 'x', keepRatios: [1] })).rejects.toMatchObject({
      name: 'TransPruneError',
      code: 'INVALID_ARGUMENT',
      data: { field: 'keepRatios' },
    });
    const chat = engine.chat();
    const images = [...first!.images];
    const turn = await reply(chat, { question: 'what?', images, maxNewTokens: 2 });
    const next = await reply(chat, { question: 'and?', maxNewTokens: 2 });
    expect(next.cache.atEnd.lengths[0]).toBe(
      (turn.cache.atEnd.lengths[0] ?? 0) + next.usage.promptTokens + 1,
    );
    await chat.dispose();
    await expect(reply(chat, { question: 'more?' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    await engine.dispose();
  });

  test('opens what a description says, plan included', async () => {
    const pruning = { plan, options: { trace: true } };
    const engine = await connectEngine(
      await worker({ model: { folder: hubFolder(model) }, pruning }),
    );
    const { prompt, images } = first!;
    const { usage, stages } = await answer(engine, { prompt, images, maxNewTokens: 1 });
    expect(usage).toMatchObject({ imageTokens: 64, keptImageTokens: [32] });
    expect(stages[0]?.keptImageTokens).toHaveLength(32);
    await engine.dispose();
  });

  test('tells when nothing can be opened, and when it is gone', async () => {
    const missing = connectEngine(await worker({ model: { folder: '/nowhere' } }));
    await expect(missing).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('expected a model folder at /nowhere'),
    });
    const thread = await worker({ model: { folder: hubFolder(model) } });
    const engine = await connectEngine(thread);
    // A thread must not be ended in the midst of a run: onnxruntime-node takes the whole process with it.
    await thread.terminate();
    await expect(answer(engine, { question: 'what?' })).rejects.toThrow(/the worker is gone/);
    await engine.dispose();
  });
});

describe('through a port', () => {
  test.each([
    ['Node', asInNode],
    ['browsers', asInBrowsers],
  ])('events come as they are made, as in %s', async (_, as) => {
    const { engine, served } = await across({}, as);
    const read = async (events: AsyncIterable<EngineEvent>) => {
      const found: unknown[] = [];
      for await (const event of events) {
        found.push(event.type === 'finish' ? { ...event, timings: undefined } : event);
      }
      return found;
    };
    expect(await read(engine.generate(ask))).toEqual(await read(served.generate(ask)));
    await engine.dispose();
  });

  test('signals, and leaving the loop, end a request there', async () => {
    const { engine, sessions } = await across({ decoder: { answer: new Array(90).fill(7) } });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = collect(engine.generate({ ...ask, signal }), () => controller.abort());
    expect((await aborted).finishReason).toBe('aborted');
    for await (const { type } of engine.generate(ask)) if (type === 'token') break;
    const { given, runs } = sessions.decoder_model_merged;
    expect(given.every(({ disposals }) => disposals === 1)).toBe(true);
    expect(runs.length).toBeLessThan(60);
    const never = await answer(engine, { ...ask, signal: AbortSignal.abort() });
    expect(never.finishReason).toBe('aborted');
    await engine.dispose();
  });

  test('a port that closes ends what came through it', async () => {
    const { engine, served, sessions, port } = await across({
      decoder: { answer: new Array(90).fill(7) },
    });
    const chat = engine.chat();
    await reply(chat, { ...ask, maxNewTokens: 2 });
    const running = answer(engine, ask);
    port.close();
    await expect(running).rejects.toMatchObject({ code: 'RUN_FAILED' });
    await served.dispose();
    const { given } = sessions.decoder_model_merged;
    expect(given.every(({ disposals }) => disposals === 1)).toBe(true);
  });

  test('a disposed engine is disposed, however often, and refuses what is asked', async () => {
    const { engine } = await across({ decoder: { answer: new Array(90).fill(7) } });
    const chat = engine.chat();
    const running = answer(engine, ask);
    await Promise.all([engine.dispose(), engine.dispose()]);
    expect((await running).finishReason).toBe('aborted');
    await engine.dispose();
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('is disposed') };
    await expect(answer(engine, ask)).rejects.toMatchObject(refused);
    await expect(reply(engine.chat(), ask)).rejects.toMatchObject(refused);
    await expect(reply(chat, ask)).rejects.toMatchObject(refused);
    await chat.dispose();
    await engine.chat().dispose();
  });

  test('two clients share a port', async () => {
    const { engine: first, port } = await across();
    const second = await connectEngine(asInNode(port));
    const limits = [1, 2];
    const [one, two] = await Promise.all(
      [first, second].map((engine, i) => answer(engine, { ...ask, maxNewTokens: limits[i]! })),
    );
    expect([one?.tokenIds, two?.tokenIds]).toEqual([[7], [7, 17]]);
    const chats = [first.chat(), second.chat()];
    const turns = await Promise.all(
      chats.map((chat, i) => reply(chat, { question: 'what?', maxNewTokens: limits[i]! })),
    );
    expect(turns.map(({ tokenIds }) => tokenIds)).toEqual([[7], [7, 17]]);
    await chats[0]?.dispose();
    expect((await reply(chats[1]!, { question: 'and?' })).finishReason).toBe('stop');
    await first.dispose();
    await expect(answer(second, ask)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await chats[1]?.dispose();
    await second.dispose();
  });

  test('who comes after the end is told so, until an engine is served there again', async () => {
    const { engine, sessions } = await loadFake();
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    const served = serveEngine(port1, engine);
    const early = await connectEngine(port2);
    await served.close();
    const refused = { code: 'INVALID_ARGUMENT', message: expect.stringContaining('is disposed') };
    await expect(connectEngine(port2)).rejects.toMatchObject(refused);
    await expect(answer(early, ask)).rejects.toMatchObject(refused);
    expect(sessions.decoder_model_merged.runs).toHaveLength(0);
    serveEngine(port1, engine);
    const late = await connectEngine(port2);
    expect((await answer(late, ask)).tokenIds).toEqual([7, 17, 2]);
    await late.dispose();
    await expect(connectEngine(port2)).rejects.toMatchObject(refused);
  });

  test('busy is busy', async () => {
    const { engine } = await across({ limits: { maxActive: 1, maxWaiting: 0 } });
    const outcomes = await Promise.allSettled([answer(engine, ask), answer(engine, ask)]);
    expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: { code: 'BUSY' } });
    expect(outcomes[0]?.status).toBe('fulfilled');
    await engine.dispose();
  });
});
