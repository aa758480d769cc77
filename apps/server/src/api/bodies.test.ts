/** Bodies of requests: how many bytes of them the server holds at a time, and whose it does not even read. */
import { connect, type Socket } from 'node:net';
import type { Engine, EngineRequest } from '@transprune/vlm';
import { expect, onTestFinished, test } from 'vitest';
import { closed, model, startHere, startServer, type TestServer } from '../../testing/server.js';

const limits = { bodyBytes: 1_000_000, allBodiesBytes: 2_500_000 };

/** A body of 900,000 bytes that takes an engine. */
const large = JSON.stringify({
  model,
  messages: [{ role: 'user', content: 'what is this?' }],
  max_completion_tokens: 1,
  prompt_cache_key: 'x'.repeat(899_870),
});

/** Sends the head of a request, and as much of its body as is given. */
function send({ url }: TestServer, headers: string, body = ''): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`,
  );
  return socket;
}

/** What comes back, as far as the first line of the reply's body. */
function replyTo(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    socket.on('data', (data) => {
      received += data;
      if (/\r\n\r\n./.test(received)) resolve(received);
    });
    socket.on('close', () => resolve(received));
  });
}

const announced = `Content-Length: ${large.length}`;
const inOneChunk = `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`;
const askLarge = (server: TestServer) => replyTo(send(server, announced, large));

/** An engine that answers when it is told to. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const startEngine = async () => {
    const handle = await startHere({});
    async function* generate(request: EngineRequest) {
      await opened;
      yield* handle.engine.generate(request);
    }
    const engine: Engine = Object.assign(Object.create(handle.engine), { generate });
    return { ...handle, engine };
  };
  return { open, startEngine };
}

test('bodies that come in are bounded together, until their clients leave', async () => {
  const server = closed(await startServer({ limits }));
  expect(await askLarge(server)).toMatch(/^HTTP\/1\.1 200 /);
  const slow = [1, 2].map(() => send(server, announced, large.slice(0, -1)));
  await expect.poll(() => askLarge(server)).toMatch(/^HTTP\/1\.1 429 .*retry-after: 1\r\n/is);
  expect(await replyTo(send(server, 'Transfer-Encoding: chunked', inOneChunk))).toMatch(
    /^HTTP\/1\.1 429 .*holds requests of 2500000 bytes/s,
  );
  const small = [{ role: 'user', content: 'what is this?' }] as const;
  await server.openai.chat.completions.create({ model, messages: [...small] });
  for (const socket of slow) socket.destroy();
  await expect.poll(() => askLarge(server)).toMatch(/^HTTP\/1\.1 200 /);
  const log = () => server.lines.join('');
  await expect.poll(() => log().match(/"status":499/g)).toHaveLength(2);
  expect(log()).not.toContain('a request failed');
});

test('a body counts until it is answered', async () => {
  const { open, startEngine } = gate();
  const server = closed(await startServer({ limits, startEngine }));
  const asked = [askLarge(server), askLarge(server)];
  const load = async () => (await fetch(`${server.url}/ready`)).json();
  await expect.poll(load).toMatchObject({ running: 2 });
  expect(await askLarge(server)).toMatch(/^HTTP\/1\.1 429 /);
  open();
  for (const reply of await Promise.all(asked)) expect(reply).toMatch(/^HTTP\/1\.1 200 /);
  await expect.poll(() => askLarge(server)).toMatch(/^HTTP\/1\.1 200 /);
});

test('whoever gets no place is told so before the body is read', async () => {
  const { open, startEngine } = gate();
  const server = closed(await startServer({ startEngine, limits: { active: 1, waiting: 0 } }));
  const first = askLarge(server);
  const load = async () => (await fetch(`${server.url}/ready`)).json();
  await expect.poll(load).toMatchObject({ running: 1 });
  expect(await replyTo(send(server, announced))).toMatch(/^HTTP\/1\.1 429 .*all places are taken/s);
  open();
  expect(await first).toMatch(/^HTTP\/1\.1 200 /);
});

test('all bodies together may not be less than one', async () => {
  await expect(startServer({ limits: { allBodiesBytes: 1000 } })).rejects.toThrow(
    'limit allBodiesBytes must be at least that of one body, bodyBytes=20971520, got 1000',
  );
});
