/** What cannot be right is refused alike in this thread and across a port. */
import { MessageChannel } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { answer, reply } from '../../testing/ask.js';
import { loadFake } from '../../testing/fake-model.js';
import { type ChatTurn, connectEngine, type EngineRequest, serveEngine } from '../index.js';

const question = 'what color is the cross';
const { data, width, height } = { data: new Uint8Array(12), width: 2, height: 2 };

const requests: readonly [unknown, field: string, code?: string][] = [
  [null, 'request'],
  [5, 'request'],
  [{}, 'request'],
  [{ question: 5 }, 'question'],
  [{ messages: [] }, 'messages'],
  [{ messages: [null] }, 'messages[0]'],
  [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content'],
  [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content'],
  [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
  [{ prompt: '' }, 'prompt'],
  [{ question, stop: 'a' }, 'stop'],
  [{ question, stop: null }, 'stop'],
  [{ question, sampling: null }, 'sampling'],
  [{ question, sampling: { topP: '0.5' } }, 'sampling.topP'],
  [{ question, maxNewTokens: 1n }, 'maxNewTokens'],
  [{ question, keepRatios: 0.5 }, 'keepRatios'],
  [{ question, images: 'a.png' }, 'images'],
  [{ question, images: [null] }, 'images[0]'],
  [{ question, images: [{ data, width, height, channels: 5 }] }, 'images[0]', 'INVALID_IMAGE'],
  [{ question, images: [{ data, width, height, channels: 4 }] }, 'images[0]', 'INVALID_IMAGE'],
  [{ question, images: [{ width, height, channels: 3 }] }, 'images[0]', 'INVALID_IMAGE'],
  [{ question, signal: {} }, 'signal'],
  [{ question, maxPromptTokens: 0 }, 'maxPromptTokens'],
  [{ question, maxPromptTokens: 2 }, 'prompt'],
];

async function engines() {
  const { engine } = await loadFake();
  const { port1, port2 } = new MessageChannel();
  serveEngine(port1, engine);
  const remote = await connectEngine(port2);
  onTestFinished(async () => {
    await remote.dispose();
    port1.close();
  });
  return [engine, remote];
}

test('requests, when their events are read', async () => {
  for (const engine of await engines()) {
    for (const [request, field, code = 'INVALID_ARGUMENT'] of requests) {
      const failing = answer(engine, request as EngineRequest);
      await expect(failing, field).rejects.toMatchObject({ code, data: { field } });
    }
    expect((await answer(engine, { question })).tokenIds).toEqual([7, 17, 2]);
  }
});

test('turns, and what conversations start with', async () => {
  for (const engine of await engines()) {
    const refused = { code: 'INVALID_ARGUMENT' };
    for (const options of [null, { system: 5 }] as never[]) {
      const wrong = engine.chat(options);
      await expect(reply(wrong, { question })).rejects.toMatchObject(refused);
      await wrong.dispose();
    }
    const chat = engine.chat();
    for (const turn of [null, {}, { prompt: 'x' }, { question, stop: 'a' }]) {
      await expect(reply(chat, turn as ChatTurn)).rejects.toMatchObject(refused);
    }
    expect((await reply(chat, { question })).tokenIds).toEqual([7, 17, 2]);
    const left = chat.dispose();
    await expect(reply(chat, { question })).rejects.toMatchObject(refused);
    await left;
  }
});

test('what cannot be copied to a worker is refused too', async () => {
  const [, remote] = await engines();
  const request = { question, extra: () => {} };
  await expect(answer(remote!, request)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
