/** The service worker, with a cache that stores when it is told to. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

type Fetching = Event & {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
  waitUntil(work: Promise<unknown>): void;
};

const scope = 'http://page/';
const listeners = new Map<string, (event: Fetching) => void>();
const storing = { put: async (_key: string, _response: Response) => {} };

beforeAll(async () => {
  const cache = {
    match: async () => undefined,
    put: (key: string, response: Response) => storing.put(key, response),
  };
  vi.stubGlobal('page', { version: '1', files: [] });
  vi.stubGlobal('caches', { open: async () => cache });
  vi.stubGlobal('fetch', async () => new Response('contents'));
  vi.stubGlobal('self', {
    registration: { scope },
    addEventListener: (name: string, listener: (event: Fetching) => void) =>
      listeners.set(name, listener),
  });
  // It has types of its own.
  const source = '../../service-worker/service-worker.js';
  await import(source);
});
afterAll(() => vi.unstubAllGlobals());

/** What the page gets, and what goes on afterwards. */
async function answerOf(path: string) {
  let response: Promise<Response> | undefined;
  const later: Promise<unknown>[] = [];
  listeners.get('fetch')?.({
    request: new Request(scope + path),
    respondWith: (given: Promise<Response>) => {
      response = given;
    },
    waitUntil: (work: Promise<unknown>) => later.push(work),
  } as unknown as Fetching);
  return { text: await (await response)?.text(), later };
}

test('where there is no room to keep a file the page gets it all the same', async () => {
  storing.put = () => Promise.reject(new DOMException('full', 'QuotaExceededError'));
  const { text, later } = await answerOf('model/config.json');
  expect(text).toBe('contents');
  expect(later).toHaveLength(1);
  await Promise.all(later);
});

test('the page gets a file while it is kept, not afterwards', async () => {
  let kept = '';
  let keep = () => {};
  storing.put = async (key) => {
    await new Promise<void>((resolve) => {
      keep = resolve;
    });
    kept = key;
  };
  const { text, later } = await answerOf('model/config.json');
  expect([text, kept]).toEqual(['contents', '']);
  keep();
  await Promise.all(later);
  expect(kept).toBe(`${scope}model/config.json`);
});
