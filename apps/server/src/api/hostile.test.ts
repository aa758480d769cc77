/** Input that nobody should send: a 4xx each, nothing told, and the server goes on. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HostileRequest, hostile, rawHostile } from '../../testing/hostile.js';
import { heldBytes } from '../../testing/memory.js';
import {
  closed,
  model,
  question,
  sample,
  startServer,
  type TestServer,
} from '../../testing/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    imageHosts: ['images.example.org', 'localhost', '127.0.0.1'],
    limits: { bodyBytes: 2_000_000, promptTokens: 2048 },
  });
  await expectAnswer();
});
afterAll(() => server.close());

async function expectAnswer() {
  const messages = [question('what color is the heart?', sample('scene-1.png'))];
  const { choices } = await server.openai.chat.completions.create({ model, messages });
  expect(choices[0]?.message.content).toBe('purple');
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Sends paths and headers as they are, which `fetch` does not. */
function send({ path, method = 'POST', headers, body }: HostileRequest): Promise<Reply> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const options = {
      hostname,
      port,
      path,
      method,
      agent: false,
      headers: { 'Content-Type': 'application/json', ...headers },
    };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: String(Buffer.concat(chunks)) }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends bytes, and reads until the server ends the connection. */
function sendRaw(bytes: string, thenEnd = false): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      if (thenEnd) socket.end(bytes, 'latin1');
      else socket.write(bytes, 'latin1');
    });
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(received));
  });
}

/** Stacks, and paths of this machine. */
const leaks = /node_modules|\.[jt]s:\d|\n {4}at |\/(home|work|root|tmp|usr)\/|root:x:/;

test.each(hostile)('%s', async (_, request) => {
  const { status, body } = await send(request);
  expect(status, body).toBeGreaterThanOrEqual(400);
  expect(status, body).toBeLessThan(500);
  expect(body).not.toMatch(leaks);
  expect(body.length).toBeLessThan(2000);
  // What Node itself refuses has no body.
  if (body !== '')
    expect(JSON.parse(body)).toMatchObject({ error: { message: expect.any(String) } });
});

test('there are at least 200', () => {
  expect(hostile.length + rawHostile.length).toBeGreaterThanOrEqual(200);
});

describe('connections', () => {
  test.each(rawHostile)('%s', async (_, bytes) => {
    expect(await sendRaw(bytes)).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test('that send a body in chunks, and too many of them', async () => {
    const { hostname, port } = new URL(server.url);
    const chunked = (body: string) =>
      new Promise<number>((resolve) => {
        const headers = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };
        const path = '/v1/chat/completions';
        const options = { hostname, port, path, method: 'POST', agent: false, headers };
        const request = httpRequest(options, (response) => {
          resolve(response.statusCode ?? 0);
          response.resume();
        });
        request.on('error', () => {});
        for (let at = 0; at < body.length; at += 50_000) request.write(body.slice(at, at + 50_000));
        request.end();
      });
    const messages = [{ role: 'user', content: 'what is this?' }];
    expect(await chunked(JSON.stringify({ model, messages }))).toBe(200);
    expect(await chunked(JSON.stringify({ model, messages, user: 'x'.repeat(3e6) }))).toBe(413);
  });

  test('that are half closed in the midst of a body', async () => {
    const head =
      'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
    const received = await sendRaw(`${head}Content-Length: 100\r\n\r\n{"model"`, true);
    expect(received).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  });

  test('that are half closed after a request are those of clients that left', async () => {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'what is this?' }] });
    const head = 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    const length = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await sendRaw(head + length + body, true)).toMatch(/^(HTTP\/1\.1 200 |$)/);
    await expect
      .poll(async () => (await fetch(`${server.url}/ready`)).json())
      .toMatchObject({ running: 0 });
  });

  test('that send slowly are ended', async () => {
    const slow = closed(await startServer({ limits: { receiveMs: 1000 } }));
    const { hostname, port } = new URL(slow.url);
    const received = new Promise<string>((resolve) => {
      let text = '';
      const socket = connect({ host: hostname, port: Number(port) });
      socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n');
      const timer = setInterval(() => socket.write('x'), 100);
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        clearInterval(timer);
        resolve(text);
      });
    });
    expect(await received).toMatch(/^HTTP\/1\.1 4(08|15) /);
  });
});

test('nothing is left of it: the server answers, objects are as they were, memory is bounded', async () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { polluted?: true }).polluted).toBeUndefined();
  const before = await heldBytes();
  for (const [, request] of hostile) await send(request);
  await expect.poll(async () => (await heldBytes()) - before).toBeLessThan(20_000_000);
  await expectAnswer();
  const ready = await (await fetch(`${server.url}/ready`)).json();
  expect(ready).toMatchObject({ status: 'ready', running: 0, waiting: 0 });
});
