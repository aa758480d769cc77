/** Clients that leave, and clients that do not read: nothing is left of them. */
import { connect } from 'node:net';
import type { Engine, EngineEvent } from '@transprune/vlm';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { elsewhere } from '../../testing/elsewhere.js';
import { heldBytes } from '../../testing/memory.js';
import {
  closed,
  model,
  question,
  startHere,
  startServer,
  type TestServer,
} from '../../testing/server.js';
import { EnginePool } from '../engine/pool.js';
import { defaultLimits } from '../limits/limits.js';
import { type Answer, type AnswerPart, type Asked, answer } from './answer.js';
import { chatChunks } from './chat/reply.js';
import { numbering, responseEvents } from './responses/events.js';
import { startedResponse } from './responses/reply.js';
import type { Service } from './service.js';
import { eventStream, type ServerEvent } from './sse.js';

const load = async ({ url }: TestServer) => (await fetch(`${url}/ready`)).json();

/** An engine that writes and writes. */
async function endless() {
  const handle = await startHere({});
  async function* generate(): AsyncGenerator<EngineEvent> {
    for (;;) {
      yield { type: 'token', id: 1, text: 'word '.repeat(20_000) };
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  const engine: Engine = Object.assign(Object.create(handle.engine), { generate });
  return { ...handle, engine };
}

test.each(['/v1/chat/completions', '/v1/responses'])(
  'a client that reads nothing of %s loses its place and its connection in time',
  async (path) => {
    const server = closed(
      await startServer({ startEngine: endless, limits: { totalMs: 1500, shutdownMs: 1e6 } }),
    );
    const { hostname, port } = new URL(server.url);
    const asked = { model, stream: true, messages: [{ role: 'user', content: 'write' }] };
    const { messages, ...rest } = asked;
    const body = JSON.stringify(path.includes('chat') ? asked : { ...rest, input: messages });
    const socket = connect({ host: hostname, port: Number(port) });
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await expect.poll(() => load(server)).toMatchObject({ running: 1 });
    await expect.poll(() => load(server), { timeout: 20_000 }).toMatchObject({ running: 0 });
    // Ends only if the connection does.
    await server.close();
  },
);

test('a client that leaves while its picture is fetched is no fault of the server', async () => {
  const controller = new AbortController();
  const { port, network } = await elsewhere(() => controller.abort());
  const server = closed(
    await startServer({
      imageHosts: ['pictures.test'],
      network,
    }),
  );
  const messages = [question('what is this?', `http://pictures.test:${port}/x.png`)];
  const asking = server.openai.chat.completions.create(
    { model, messages },
    { signal: controller.signal },
  );
  await expect(asking).rejects.toThrow('aborted');
  await expect.poll(() => server.lines.join('')).toContain('"status":499');
  expect(server.lines.join('')).not.toContain('a request failed');
});

test('a client that left before its request was understood leaves its place free', async () => {
  const pool = new EnginePool(() => startHere({}), { engines: 1, active: 1, waiting: 0 });
  await pool.open();
  onTestFinished(() => pool.close());
  const { signal: shutdown } = new AbortController();
  const service = { pool, limits: defaultLimits, shutdown } as Service;
  const asking = answer(service, {} as Asked, AbortSignal.abort());
  await expect(asking).rejects.toMatchObject({ status: 499 });
  await expect.poll(() => pool.running).toBe(0);
});

test.each([true, false])(
  'nothing is left of a request that was answered, streamed: %s',
  async (stream) => {
    const server = closed(
      await startServer({
        async startEngine() {
          const handle = await startHere({});
          const generate: Engine['generate'] = (request) =>
            handle.engine.generate({ ...request, messages: [{ role: 'user', content: 'write' }] });
          return { ...handle, engine: Object.assign(Object.create(handle.engine), { generate }) };
        },
      }),
    );
    const ask = async (length: number) => {
      const messages = [{ role: 'user', content: 'x'.repeat(length) }];
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ model, messages, stream, max_completion_tokens: 1 }),
      });
      expect(response.status).toBe(200);
      await response.text();
    };
    for (let i = 0; i < 20; i++) await ask(10);
    const before = await heldBytes();
    for (let i = 0; i < 60; i++) await ask(90_000);
    await expect.poll(() => load(server)).toMatchObject({ running: 0 });
    expect((await heldBytes()) - before).toBeLessThan(2_000_000);
  },
);

describe('a stream that is cancelled returns its answer', () => {
  const envelope = { id: 'x', created: 0, model };
  const response = startedResponse({ model, input: 'write' }, model);
  const kinds: [string, (parts: Answer['parts']) => AsyncIterable<ServerEvent>][] = [
    ['chat', (parts) => chatChunks(parts, envelope, false)],
    ['responses', (parts) => responseEvents(parts, response, numbering())],
  ];

  test.each(kinds.flatMap(([name, make]) => [0, 1].map((reads) => [name, reads, make] as const)))(
    '%s, after %i events',
    async (_, reads, make) => {
      let isReturned = false;
      async function* write(): AsyncGenerator<AnswerPart, void> {
        try {
          for (;;) yield { type: 'begin' };
        } finally {
          isReturned = true;
        }
      }
      const parts = write();
      await parts.next();
      const { body } = eventStream(make(parts), {
        answer: { parts, signal: new AbortController().signal },
        onError: () => ({ data: {} }),
        log: pino({ level: 'silent' }),
      });
      const reader = body!.getReader();
      for (let i = 0; i < reads; i++) await reader.read();
      await reader.cancel();
      expect(isReturned).toBe(true);
    },
  );
});
