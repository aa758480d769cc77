/** Image features that are there from an earlier request. */
import { describe, expect, test } from 'vitest';
import { answer } from '../../testing/ask.js';
import { fakeSession, float32 } from '../../testing/fake-backend.js';
import { loadFake } from '../../testing/fake-model.js';
import { cachedSession } from './vision-cache.js';

/** Doubles what it is fed. */
function doubling() {
  return fakeSession({
    inputs: [],
    outputs: [],
    run: ({ x }) => {
      const { dims, data } = x as ReturnType<typeof float32>;
      return {
        y: float32(
          dims,
          data.map((value) => 2 * value),
        ),
      };
    },
  });
}

const fed = (...values: number[]) => ({ x: float32([values.length], Float32Array.from(values)) });

async function outputOf(session: ReturnType<typeof cachedSession>, ...values: number[]) {
  const { y } = await session.run(fed(...values));
  const { data } = await y!.download();
  return data as Float32Array;
}

describe('a cached session', () => {
  test('runs once for what it is fed, whoever writes into the outputs', async () => {
    const inner = doubling();
    const session = cachedSession(inner, 1000);
    const first = await outputOf(session, 1, 2);
    first.fill(0);
    expect([...(await outputOf(session, 1, 2))]).toEqual([2, 4]);
    expect([...(await outputOf(session, 2, 1))]).toEqual([4, 2]);
    expect([inner.runs.length, session.hits]).toEqual([2, 1]);
    await session.run({ x: float32([1, 2], Float32Array.from([1, 2])) });
    expect(session.hits).toBe(1);
  });

  test('forgets what was asked for least recently when its bytes are used up', async () => {
    const inner = doubling();
    const session = cachedSession(inner, 16);
    await outputOf(session, 1, 1);
    await outputOf(session, 2, 2);
    await outputOf(session, 1, 1);
    await outputOf(session, 3, 3);
    await outputOf(session, 1, 1);
    expect([inner.runs.length, session.hits]).toEqual([3, 2]);
    await outputOf(session, 2, 2);
    expect(inner.runs).toHaveLength(4);
    // More than all the place there is.
    await outputOf(session, 1, 2, 3, 4, 5);
    await outputOf(session, 1, 2, 3, 4, 5);
    expect(inner.runs).toHaveLength(6);
    await outputOf(session, 2, 2);
    expect(inner.runs).toHaveLength(6);
  });
});

describe('an engine', () => {
  const image = (value: number) =>
    ({ data: new Uint8Array(12).fill(value), width: 2, height: 2, channels: 3 }) as const;

  test('encodes the same picture once, whatever is asked about it', async () => {
    const { engine, sessions } = await loadFake({ limits: { visionCacheBytes: 1e6 } });
    const ask = (question: string, value: number) =>
      answer(engine, { question, images: [image(value)] });
    const answers = [];
    answers.push(await ask('what color is the cross', 1));
    answers.push(await ask('what shape is red', 1));
    answers.push(await ask('what color is the cross', 200));
    expect(answers.map(({ visionCached }) => visionCached)).toEqual([false, true, false]);
    expect(answers.map(({ tokenIds }) => tokenIds)).toEqual(Array(3).fill([7, 17, 2]));
    expect(sessions.vision_encoder.runs).toHaveLength(2);
    await engine.dispose();
  });

  test('keeps nothing unless it is told to', async () => {
    const { engine, sessions } = await loadFake();
    const ask = { question: 'what color is the cross', images: [image(1)] };
    await answer(engine, ask);
    expect((await answer(engine, ask)).visionCached).toBe(false);
    expect(sessions.vision_encoder.runs).toHaveLength(2);
    await engine.dispose();
    await expect(loadFake({ limits: { visionCacheBytes: -1 } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
