import { afterEach, expect, test, vi } from 'vitest';
import { fetchPrepared } from './prepared.js';

afterEach(() => vi.unstubAllGlobals());

test.each([
  ['no connection', () => Promise.reject(new TypeError('Failed to fetch'))],
  ['no such file', async () => new Response('none', { status: 404 })],
  ['a page in place of the file', async () => new Response('<!doctype html>')],
])('%s is told in words', async (_, response) => {
  vi.stubGlobal('fetch', response);
  await expect(fetchPrepared('example-high')).rejects.toThrow(
    'prepared/example-high.json could not be fetched; check the network',
  );
});
