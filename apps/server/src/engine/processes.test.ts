/** Engines in processes of their own: who is in them, and what happens when they end. */
import { describe, expect, test } from 'vitest';
import { ask, stream, textOf, withHandles } from '../../testing/processes.js';
import { closed, startServer } from '../../testing/server.js';

describe('an engine that is killed', () => {
  test('takes only its own requests with it, and is replaced', async () => {
    const { openai, url, handles, lines } = await withHandles(2);
    const whole = textOf(await ask(openai));
    const [one, other] = [stream(openai), stream(openai)];
    await Promise.race([one, other]);
    // One request at each engine; which is where does not matter.
    handles[0]!.kill();
    const read = async (answer: ReturnType<typeof stream>) => {
      let text = '';
      for await (const { choices } of await answer) text += choices[0]?.delta.content ?? '';
      return text;
    };
    const outcomes = await Promise.allSettled([read(one), read(other)]);
    const failed = outcomes.filter(({ status }) => status === 'rejected');
    expect(failed).toMatchObject([{ reason: { code: 'engine_lost' } }]);
    expect(outcomes).toContainEqual({ status: 'fulfilled', value: whole });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
    await expect.poll(() => handles.length).toBe(3);
    const again = await Promise.all([ask(openai), ask(openai)]);
    expect(again.map(textOf)).toEqual([whole, whole]);
    expect(lines.some((line) => line.includes('an engine died'))).toBe(true);
  });
});

test('a model that cannot be opened is an error of the start', async () => {
  const failing = startServer({ inProcesses: true, model: { folder: '/nowhere' } });
  await expect(failing).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('/nowhere'),
  });
});

test('requests beyond what may wait get 429, and when to ask again', async () => {
  const { openai, url } = await withHandles(1, { active: 1, waiting: 1 });
  const asked = await Promise.allSettled(Array.from({ length: 6 }, () => ask(openai)));
  const answered = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const refused = asked.flatMap((each) => (each.status === 'rejected' ? each.reason : []));
  expect(answered.length).toBeGreaterThanOrEqual(2);
  expect(new Set(answered.map(textOf)).size).toBe(1);
  expect(refused.length).toBeGreaterThanOrEqual(1);
  for (const error of refused) {
    expect(error).toMatchObject({ status: 429, code: 'server_busy' });
    expect(Number(error.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  }
  await expect
    .poll(async () => (await fetch(`${url}/ready`)).json())
    .toMatchObject({ running: 0, waiting: 0 });
});

test('time limits end a request, and free its place', async () => {
  const first = closed(await startServer({ limits: { timeToFirstTokenMs: 1 } }));
  await expect(ask(first.openai)).rejects.toMatchObject({ status: 504, code: 'timeout' });
  await expect
    .poll(async () => (await fetch(`${first.url}/ready`)).json())
    .toMatchObject({ running: 0 });
});
