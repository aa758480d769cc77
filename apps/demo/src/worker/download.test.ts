import { afterEach, expect, test, vi } from 'vitest';
import { download } from './download.js';

afterEach(() => vi.unstubAllGlobals());

const files = { 'config.json': 4 };
const page = new URL('http://page/');

/** The message that a download fails with. */
async function faultOf(response: () => Promise<Response>): Promise<string> {
  vi.stubGlobal('fetch', response);
  return download(page, files, () => {}).then(
    () => 'none',
    (error: Error) => error.message,
  );
}

test('files come whole, with progress by bytes', async () => {
  vi.stubGlobal('fetch', async () => new Response('true'));
  const told: number[] = [];
  const found = await download(page, files, (bytes) => told.push(bytes));
  expect([...found]).toEqual([['config.json', new TextEncoder().encode('true')]]);
  expect(told).toEqual([4]);
});

test.each([
  ['no connection', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['status 404', async () => new Response('none', { status: 404 })],
  ['15 bytes in place of 4', async () => new Response('<!doctype html>')],
  [
    'a part of it',
    async () =>
      new Response(
        new ReadableStream({
          start(body) {
            body.enqueue(new Uint8Array(2));
          },
          pull(body) {
            body.error(new TypeError('network error'));
          },
        }),
      ),
  ],
])('%s is told with the name of the file', async (got, response) => {
  expect(await faultOf(response)).toBe(
    `expected the file config.json beside this page, got ${got}; check the network, and that the page's folder is complete`,
  );
});
