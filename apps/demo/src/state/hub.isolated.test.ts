/** What may be asked of the hub when; its worker is one that never answers. */
import { beforeEach, expect, test, vi } from 'vitest';
import { askHub, hubFailure, hubProgress, hubReason, loadHub, stopHub } from './hub.js';
import { picture, question, status } from './store.js';

vi.hoisted(() => vi.stubGlobal('navigator', {}));

const workers: FakeWorker[] = [];

class FakeWorker extends EventTarget {
  constructor() {
    super();
    workers.push(this);
  }
  postMessage() {}
  terminate() {}
}

vi.stubGlobal('Worker', FakeWorker);
vi.stubGlobal('document', { baseURI: 'http://page/' });

beforeEach(() => {
  workers.length = 0;
});

test('while a model is fetched no other fetch is begun, until it is stopped', async () => {
  const first = loadHub();
  await loadHub();
  expect(workers).toHaveLength(1);
  stopHub();
  await first;
  expect([status.value, hubFailure.value, hubProgress.value]).toEqual([
    ...['Stopped', undefined, undefined],
  ]);
  const second = loadHub();
  expect(workers).toHaveLength(2);
  stopHub();
  await second;
});

test('what transformers.js and browsers say is told in words', async () => {
  const loading = loadHub();
  workers[0]?.dispatchEvent(Object.assign(new Event('error'), { message: 'Failed to fetch' }));
  await loading;
  expect(hubFailure.value).toBe(
    'the hub could not be reached (Failed to fetch); check the network',
  );
  picture.value = { name: 'grey', isSample: false, image: {} as ImageData, url: 'data:' };
  question.value = ' ';
  await askHub();
  expect(hubFailure.value).toBe('Write a question in Look first.');
});

test.each([
  [
    'Could not locate file: "config.json".',
    /^the hub has no public model a\/b .*; check its name$/,
  ],
  ['Unauthorized access to file: "config.json".', /^the hub has no public model a\/b/],
  [`Unexpected token '<', "<!doctype" is not valid JSON`, /^expected the files of a\/b, got/],
  ['expected a decoder', /^expected a decoder$/],
])('%s', (message, wanted) => expect(hubReason(message, 'a/b')).toMatch(wanted));
