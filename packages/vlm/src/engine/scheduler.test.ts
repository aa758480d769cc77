/** Who runs when, on sessions in plain code. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { fakeFiles, loadFake } from '../../testing/fake-model.js';
import { collect } from './collect.js';
import type { EngineEvent } from './events.js';

const ask = { question: 'what color is the cross' };
type Fakes = Awaited<ReturnType<typeof loadFake>>['sessions'];

/** Runs of all sessions so far. */
const runsOf = (sessions: Fakes) => Object.values(sessions).map(({ runs }) => runs.length);

/** What the decoder gave out and nobody freed. */
const left = ({ decoder_model_merged: { given } }: Fakes) =>
  given.filter(({ disposals }) => disposals === 0).length;

describe('a queue', () => {
  test('is as long as it is said to be; who comes later is told', async () => {
    const { engine } = await loadFake({ limits: { maxActive: 1, maxWaiting: 2 } });
    const accepted = [1, 2, 3].map(() => answer(engine, ask));
    await expect(answer(engine, ask)).rejects.toMatchObject({
      code: 'BUSY',
      data: { waiting: 2, active: 1, maxWaiting: 2 },
    });
    for (const { tokenIds } of await Promise.all(accepted)) expect(tokenIds).toEqual([7, 17, 2]);
    expect((await answer(engine, ask)).finishReason).toBe('stop');
    await engine.dispose();
  });

  test('serves as many at a time as it may', async () => {
    const { engine, sessions } = await loadFake({ limits: { maxActive: 2 } });
    await Promise.all([1, 2, 3].map(() => answer(engine, ask)));
    const past = sessions.decoder_model_merged.runs.map(
      ({ feeds }) => feeds['past_key_values.0.key']?.dims[2],
    );
    const [, p = 0] = past;
    // The second begins after a step of the first, the third when the first has ended.
    expect(past).toEqual([0, p, 0, p + 1, p, 0, p + 1, p, p + 1]);
    await engine.dispose();
  });
});

describe('a request that is aborted', () => {
  test('keeps its place while its images are still being read', async () => {
    const begun: ServerResponse[] = [];
    let tell: () => void = () => {};
    const server = createServer((_, response) => {
      begun.push(response);
      tell();
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const images = [`http://localhost:${port}/never.png`];
    const { engine } = await loadFake({ limits: { maxActive: 1 } });
    for (let request = 0; request < 3; request++) {
      const isRead = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const controller = new AbortController();
      const aborted = answer(engine, { ...ask, images, signal: controller.signal });
      if (begun.length === 0) await isRead;
      controller.abort();
      expect((await aborted).finishReason).toBe('aborted');
    }
    const next = answer(engine, ask);
    for (const response of begun) response.end();
    expect((await next).finishReason).toBe('stop');
    expect(begun).toHaveLength(1);
    await engine.dispose();
  });

  test('while it waits runs nothing', async () => {
    const { engine, sessions } = await loadFake({ limits: { maxActive: 1 } });
    const controller = new AbortController();
    const first = answer(engine, ask);
    const waiting = answer(engine, { ...ask, signal: controller.signal });
    controller.abort();
    const { finishReason, tokenIds, usage, timings } = await waiting;
    expect([finishReason, tokenIds, usage.promptTokens]).toEqual(['aborted', [], 0]);
    expect(timings).toMatchObject({ preprocessMs: 0, prefillMs: 0, timeToFirstTokenMs: 0 });
    await first;
    const runs = runsOf(sessions);
    await answer(engine, ask);
    expect(runsOf(sessions)).toEqual(runs.map((count) => 2 * count));
    await engine.dispose();
  });

  test('before it is asked runs nothing', async () => {
    const { engine, sessions } = await loadFake();
    const { finishReason } = await answer(engine, { ...ask, signal: AbortSignal.abort() });
    expect(finishReason).toBe('aborted');
    expect(runsOf(sessions)).toEqual([0, 0, 0]);
    await engine.dispose();
  });

  test('among others leaves them alone', async () => {
    const { engine, sessions } = await loadFake({ decoder: { answer: [7, 17, 9, 11] } });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = collect(engine.generate({ ...ask, signal }), () => controller.abort());
    const others = await Promise.all([answer(engine, ask), answer(engine, ask)]);
    expect(others.map(({ tokenIds }) => tokenIds)).toEqual([
      [7, 17, 9, 11, 2],
      [7, 17, 9, 11, 2],
    ]);
    expect(await aborted).toMatchObject({ finishReason: 'aborted', tokenIds: [7] });
    expect(left(sessions)).toBe(0);
    await engine.dispose();
  });
});

test('leaving the loop ends the request, and frees all of it', async () => {
  const { engine, sessions } = await loadFake({ decoder: { answer: new Array(50).fill(7) } });
  for await (const { type } of engine.generate(ask)) if (type === 'token') break;
  const runs = runsOf(sessions);
  expect(left(sessions)).toBe(0);
  expect(runs[2]).toBeLessThan(5);
  await answer(engine, { ...ask, maxNewTokens: 1 });
  expect(runsOf(sessions)[2]).toBe((runs[2] ?? 0) + 1);
  await engine.dispose();
});

test('a request that fails leaves the others alone', async () => {
  const { engine, sessions } = await loadFake({ decoder: { failing: [2] } });
  const [first, second] = await Promise.allSettled([answer(engine, ask), answer(engine, ask)]);
  const outcomes = [first, second].map(({ status }) => status).sort();
  expect(outcomes).toEqual(['fulfilled', 'rejected']);
  expect(left(sessions)).toBe(0);
  await engine.dispose();
});

test('a disposed engine has ended what ran, and takes nothing more', async () => {
  const { engine, sessions } = await loadFake({
    limits: { maxActive: 1 },
    decoder: { answer: new Array(50).fill(7) },
  });
  const chat = engine.chat();
  await reply(chat, { ...ask, maxNewTokens: 2 });
  const running = [1, 2].map(() => answer(engine, ask));
  await engine.dispose();
  for (const { finishReason } of await Promise.all(running)) expect(finishReason).toBe('aborted');
  expect(left(sessions)).toBe(0);
  expect(Object.values(sessions).map(({ disposals }) => disposals)).toEqual([1, 1, 1]);
  await expect(answer(engine, ask)).rejects.toThrow(/one that is disposed/);
  await engine.dispose();
});

test('events are plain data', async () => {
  const keep = (mask: BigInt64Array) => [...mask.keys()];
  const { engine } = await loadFake({ decoder: { keep } });
  const events: EngineEvent[] = [];
  for await (const event of engine.generate(ask)) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(['stage', 'token', 'token', 'token', 'finish']);
  expect(structuredClone(events)).toEqual(events);
  expect(JSON.parse(JSON.stringify(events))).toEqual(events);
  await engine.dispose();
});

test.each([
  [{ maxNewTokens: 0 }, /maxNewTokens must be a whole number from 1, got 0/],
  [{ sampling: { temperature: -1 } }, /sampling.temperature must be a number from 0, got -1/],
  [{ sampling: { topK: 0 } }, /sampling.topK must be a whole number from 1, got 0/],
  [{ sampling: { topP: 1.5 } }, /sampling.topP must be .* at most 1, got 1.5/],
  [{ sampling: { seed: 0.5 } }, /sampling.seed must be a whole number, got 0.5/],
  [{ stop: [''] }, /stop must be a list of texts that are not empty/],
] as const)('%j is refused', async (options, message) => {
  const { engine, sessions } = await loadFake();
  const asked = answer(engine, { ...ask, ...options });
  await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(asked).rejects.toThrow(message);
  expect(runsOf(sessions)).toEqual([0, 0, 0]);
  await engine.dispose();
});

test('limits that are no numbers of requests are refused', async () => {
  await expect(loadFake({ limits: { maxActive: 0 } })).rejects.toThrow(
    'maxActive must be a whole number from 1, got 0',
  );
  await expect(loadFake({ limits: { maxWaiting: -1 } })).rejects.toThrow(/maxWaiting/);
});

describe('an answer ends', () => {
  test('at the end token of the tokenizer, though no configuration names one', async () => {
    const files = await fakeFiles({
      'generation_config.json': { eos_token_id: undefined },
      'config.json': { eos_token_id: undefined },
    });
    const { engine } = await loadFake({ files });
    expect(await answer(engine, ask)).toMatchObject({
      finishReason: 'stop',
      tokenIds: [7, 17, 2],
    });
    await engine.dispose();
  });

  test('at any of several end tokens', async () => {
    const files = await fakeFiles({ 'generation_config.json': { eos_token_id: [17, 60] } });
    const { engine } = await loadFake({ files });
    expect((await answer(engine, ask)).tokenIds).toEqual([7, 17]);
    await engine.dispose();
  });

  test('before a stop text', async () => {
    const { engine } = await loadFake({ decoder: { answer: [7, 17, 9] } });
    const whole = await answer(engine, ask);
    const [, second = ''] = whole.text.split(' ');
    const stopped = await answer(engine, { ...ask, stop: [second] });
    expect(stopped.finishReason).toBe('stop');
    expect(stopped.tokenIds).toEqual([7, 17]);
    expect(whole.text.startsWith(`${stopped.text} ${second}`)).toBe(true);
    await engine.dispose();
  });
});

test('penalties of the generation configuration count', async () => {
  const files = await fakeFiles({ 'generation_config.json': { no_repeat_ngram_size: 1 } });
  const { engine } = await loadFake({ files, decoder: { answer: [7, 7, 7] } });
  const { tokenIds } = await answer(engine, { ...ask, maxNewTokens: 3 });
  expect(new Set(tokenIds).size).toBe(3);
  await engine.dispose();
});
