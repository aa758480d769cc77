/** What the server says of itself, who may ask, and what is logged. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  client,
  closed,
  model,
  question,
  sample,
  startServer,
  type TestServer,
} from '../../testing/server.js';
import { defaultLimits } from '../limits/limits.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ limits: { images: 3 }, imageHosts: ['images.example.org'] });
});
afterAll(() => server.close());

const get = (path: string, options?: RequestInit) => fetch(server.url + path, options);
const json = async (path: string) => (await get(path)).json() as Promise<never>;

describe('the server says', () => {
  test('that it runs, that it can answer, and what it allows', async () => {
    expect(await json('/health')).toEqual({ status: 'ok' });
    expect(await json('/ready')).toEqual({ status: 'ready', running: 0, waiting: 0 });
    expect(await json('/version')).toEqual({
      version: '0.1.0',
      limits: { ...defaultLimits, images: 3 },
      image_hosts: ['images.example.org'],
    });
  });

  test('which model it serves, and how it is pruned', async () => {
    const { data } = await server.openai.models.list();
    expect(data).toMatchObject([
      {
        id: model,
        object: 'model',
        input_modalities: ['text', 'image'],
        batched_decoding: true,
        pruning: {
          preset: 'transprune-high',
          presets: { 'transprune-low': [0.625, 0.1875, 0.0625], none: [1, 1, 1] },
          plan: { method: 'transprune', stages: [{ afterLayer: 3 }, {}, {}] },
        },
      },
    ]);
    expect(await server.openai.models.retrieve(model)).toEqual(data[0]);
    await expect(server.openai.models.retrieve('other')).rejects.toMatchObject({ status: 404 });
  });

  test('what its API is, without anything from elsewhere', async () => {
    const document = await json('/openapi.json');
    expect(document).toMatchObject({
      openapi: '3.1.0',
      paths: { '/v1/chat/completions': { post: {} }, '/v1/responses': { post: {} } },
    });
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    const { schemas } = (document as { components: { schemas: object } }).components;
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(references));
    expect(text).toContain('keepRatios');
    const page = await (await get('/docs')).text();
    expect(page).toContain('POST /v1/chat/completions');
    expect(page).not.toMatch(/(src|href)="?http/);
  });

  test('its figures, after an answer', async () => {
    const messages = [question('what color is the heart?', sample('scene-1.png'))];
    for (let i = 0; i < 2; i++) await server.openai.chat.completions.create({ model, messages });
    const figures = await (await get('/metrics')).text();
    const value = (name: string) =>
      Number(new RegExp(`^transprune:${name} (.*)$`, 'm').exec(figures)?.[1]);
    expect(value('image_tokens_total')).toBe(288);
    expect(value('image_tokens_kept_total')).toBe(36);
    expect(value('vision_cache_hits_total')).toBe(1);
    expect(value('vision_cache_queries_total')).toBe(2);
    expect(value('saved_flops_total')).toBeGreaterThan(1e6);
    expect(value('time_to_first_token_seconds_count')).toBe(2);
    expect(value('inter_token_latency_seconds_count')).toBe(2);
    expect(value('num_requests_running')).toBe(0);
    expect(value('num_requests_waiting')).toBe(0);
    expect(value('requests_total{status="200"}')).toBe(2);
    expect(figures).toContain('process_resident_memory_bytes');
  });

  test('what is not there', async () => {
    const missing = await get('/v1/embeddings', { method: 'POST', body: '{}' });
    expect(missing.status).toBe(404);
    expect(await missing.json()).toMatchObject({ error: { code: 'not_found' } });
    expect((await get('/v1/chat/completions')).status).toBe(404);
  });
});

test('requests have an id, their own if it is one', async () => {
  const withId = (id: string) => get('/health', { headers: { 'X-Request-Id': id } });
  expect((await withId('abc-1')).headers.get('x-request-id')).toBe('abc-1');
  expect((await withId('a b"c')).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'what is this?' }] }],
  ['/v1/responses', { input: 'what is this?' }],
])('so have streams, and what goes wrong: %s', async (path, asked) => {
  const post = (id: string, body: object) =>
    get(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Request-Id': id },
      body: JSON.stringify({ model, ...body }),
    });
  for (const [name, body, status] of [
    ['stream', { ...asked, stream: true }, 200],
    ['whole', asked, 200],
    ['wrong', {}, 400],
  ] as const) {
    const id = `${name}${path.replaceAll('/', '-')}`;
    const response = await post(id, body);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-request-id')).toBe(id);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    // TLS is a proxy's business, and so is whether there is always TLS.
    expect(response.headers.get('strict-transport-security')).toBeNull();
    await response.text();
    expect(server.lines.filter((line) => line.includes(`"requestId":"${id}"`))).toHaveLength(1);
  }
});

describe('keys', () => {
  test('are asked for where the model is', async () => {
    const { url } = closed(await startServer({ apiKeys: ['first-key', 'second-key'] }));
    for (const key of ['first-key', 'second-key']) {
      expect((await client(url, key).models.list()).data).toHaveLength(1);
    }
    for (const key of ['', 'first', 'first-key2', 'other']) {
      await expect(client(url, key || 'x').models.list()).rejects.toMatchObject({
        status: 401,
        code: 'invalid_api_key',
      });
    }
    expect((await fetch(`${url}/v1/models`)).headers.get('www-authenticate')).toBe('Bearer');
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
});

describe('the log', () => {
  const secret = 'what color is the heart';
  const scene = sample('scene-1.png');
  const asked = async (options: object) => {
    const { openai, lines, close } = await startServer(options);
    await openai.chat.completions.create({ model, messages: [question(secret, scene)] });
    await openai.chat.completions
      .create({ model, messages: [question(secret, `${scene}x`)] })
      .catch(() => {});
    await close();
    return lines.map((line) => JSON.parse(line));
  };

  test('has requests, and nothing of what was asked', async () => {
    const lines = await asked({});
    expect(lines.filter(({ msg }) => msg === 'request')).toMatchObject([
      { path: '/v1/chat/completions', status: 200, requestId: expect.any(String) },
      { path: '/v1/chat/completions', status: 400 },
    ]);
    const text = JSON.stringify(lines);
    expect(text).not.toContain(secret);
    expect(text).not.toContain('purple');
    expect(text).not.toContain(scene.slice(-40));
  });

  test('has texts if that is asked for', async () => {
    const lines = await asked({ logContent: true });
    expect(lines.find(({ msg }) => msg === 'answer')).toMatchObject({ text: 'purple' });
    const text = JSON.stringify(lines);
    expect(text).toContain(secret);
    expect(text).not.toContain(scene.slice(-40));
  });
});
