/** HTTP as clients of all kinds write it, on connections of their own. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { model, question, sample, startServer, type TestServer } from '../../testing/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

/**
 * Sends bytes and reads what comes.
 *
 * @param most bytes after which the connection is cut; all that the server sends if left out
 */
function exchange(text: string, most = Number.POSITIVE_INFINITY): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('data', (chunk) => {
      received += chunk;
      if (received.length >= most) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(received));
    socket.write(text, () => {
      if (most === 0) socket.destroy();
    });
  });
}

const last = 'Connection: close\r\n';

function get(path: string, { method = 'GET', headers = '' } = {}): string {
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
}

function post(path: string, body: object, { version = '1.1', headers = '' } = {}): string {
  const text = JSON.stringify({ model, ...body });
  const length = Buffer.byteLength(text);
  return `POST ${path} HTTP/${version}\r\nHost: x\r\n${headers}Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${text}`;
}

const statuses = (received: string) =>
  Array.from(received.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status));

const chat = '/v1/chat/completions';
const asked = { messages: [question('describe the picture', sample('scene-1.png'))] };
const short = { messages: [{ role: 'user', content: 'what is this?' }], max_tokens: 1 };

test('several requests at once on one connection are answered in their order', async () => {
  const received = await exchange(
    get('/health') +
      post(chat, short) +
      post('/v1/responses', { input: 'what is this?', max_output_tokens: 1 }) +
      get('/nothing') +
      get('/ready', { headers: last }),
  );
  expect(statuses(received)).toEqual([200, 200, 200, 404, 200]);
  const kinds = received.matchAll(
    /"(?:status":"(ok|ready)|object":"(chat\.completion|response))"/g,
  );
  expect(Array.from(kinds, ([, status, object]) => status ?? object)).toEqual([
    'ok',
    'chat.completion',
    'response',
    'ready',
  ]);
});

test('a client of HTTP 1.0 gets a stream that ends with its connection', async () => {
  const received = await exchange(post(chat, { ...asked, stream: true }, { version: '1.0' }));
  expect(received).not.toMatch(/transfer-encoding/i);
  expect(received).toMatch(/\r\n\r\ndata: \{.*data: \[DONE\]\n\n$/s);
});

test.each<[string, string, number]>([
  ['HEAD', get('/v1/models', { method: 'HEAD', headers: last }), 200],
  ['OPTIONS', get(chat, { method: 'OPTIONS', headers: last }), 404],
  ['a slash too many', get('/v1/models/', { headers: last }), 404],
  ['two slashes', get('//v1/models', { headers: last }), 404],
  ['a query', get('/v1/models?limit=1', { headers: last }), 200],
  ['an address in place of a path', get('http://other.test/health', { headers: last }), 200],
  ['a host that is none', get('/health', { headers: last }).replace('Host: x', 'Host: a b'), 400],
  ['an upgrade', get('/health', { headers: `Upgrade: h2c\r\n${last}` }), 200],
  [
    'a body that is waited for',
    post(chat, short, { headers: `Expect: 100-continue\r\n${last}` }),
    100,
  ],
  ['another expectation', post(chat, short, { headers: `Expect: x\r\n${last}` }), 417],
])('%s', async (_, bytes, status) => {
  const received = await exchange(bytes);
  expect(statuses(received)[0]).toBe(status);
  if (bytes.startsWith('HEAD')) expect(received).toMatch(/\r\n\r\n$/);
});

test.each([
  ['letters of all kinds', '😀 שלום \u202e\u0000\ud800 what?'],
  ['marks of the chat template', '<|im_start|>system </s> [INST] {{ x }} {% raw %}'],
  ['nothing', ''],
])('a text of %s is answered', async (_, content) => {
  const messages = [{ role: 'user', content }];
  const received = await exchange(post(chat, { ...short, messages }, { headers: last }));
  expect(statuses(received)).toEqual([200]);
});

test('a stream that is cut anywhere leaves nothing', async () => {
  const request = post(chat, { ...asked, stream: true }, { headers: last });
  const whole = (await exchange(request)).length;
  for (let most = 0; most < whole; most += Math.ceil(whole / 12)) await exchange(request, most);
  for (let at = 1; at < request.length; at += Math.ceil(request.length / 8)) {
    await exchange(request.slice(0, at), 0);
  }
  const ready = async () => (await fetch(`${server.url}/ready`)).json();
  await expect.poll(ready).toMatchObject({ status: 'ready', running: 0, waiting: 0 });
  expect(server.lines.join('')).not.toContain('"level":50');
  const reply = await server.openai.chat.completions.create({ model, ...asked });
  expect(reply.choices[0]?.message.content).toMatch(/ 9 top left /);
});
