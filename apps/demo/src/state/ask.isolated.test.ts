/** What may be asked when; the worker is one that answers when it is told to. */
import type { LayerMaps } from '@transprune/trace';
import type { Remote } from 'comlink';
import { beforeEach, expect, test, vi } from 'vitest';
import type { DemoWorker } from '../worker/protocol.js';
import { ask } from './ask.js';
import { imageSize } from './samples.js';
import { type Callback, ended } from './short-worker.js';
import { failure, phase, picture, question, shown } from './store.js';

/** Calls of the worker that are not answered yet. */
const calls = {
  ask: [] as Deferred<boolean>[],
  layers: [] as Deferred<readonly LayerMaps[]>[],
};

vi.mock('./worker.js', () => ({
  endWorker: () => {},
  withWorker: (use: (worker: Remote<DemoWorker>, callback: Callback) => Promise<unknown>) => {
    const pending = <T>(all: Deferred<T>[]) => {
      const call = deferred<T>();
      all.push(call);
      return call.promise;
    };
    const worker = { ask: () => pending(calls.ask), layers: () => pending(calls.layers) };
    return use(worker as unknown as Remote<DemoWorker>, (call) => call as never);
  },
}));

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle } as Deferred<T>;
}

beforeEach(() => {
  for (const pending of Object.values(calls)) pending.length = 0;
  const data = new Uint8ClampedArray(4 * imageSize ** 2);
  const image = { data, width: imageSize, height: imageSize } as ImageData;
  picture.value = { name: 'grey', isSample: false, image, url: 'data:' };
  question.value = 'what is it?';
  phase.value = 'idle';
  failure.value = undefined;
});

test('a question that is asked while the layers of the last answer come stays the one that runs', async () => {
  const first = ask();
  calls.ask[0]?.resolve(true);
  await vi.waitFor(() => expect(calls.layers).toHaveLength(1));
  expect(phase.value).toBe('idle');
  const second = ask();
  expect(phase.value).toBe('unpruned');
  calls.layers[0]?.resolve([]);
  await first;
  expect(phase.value).toBe('unpruned');
  calls.ask[1]?.resolve(false);
  await second;
  expect(phase.value).toBe('idle');
  expect(calls.ask).toHaveLength(2);
});

test('the layers of an answer are shown with it, and not with another one', async () => {
  const layers = [{ layer: 1 }] as unknown as LayerMaps[];
  const first = ask();
  calls.ask[0]?.resolve(true);
  await vi.waitFor(() => expect(calls.layers).toHaveLength(1));
  const second = ask();
  calls.layers[0]?.resolve(layers);
  await first;
  expect(shown.value?.layers).toEqual([]);
  calls.ask[1]?.resolve(true);
  await vi.waitFor(() => expect(calls.layers).toHaveLength(2));
  calls.layers[1]?.resolve(layers);
  await second;
  expect(shown.value?.layers).toBe(layers);
});

test('after a failure the next question can be asked', async () => {
  const first = ask();
  calls.ask[0]?.reject(new Error('no luck'));
  await first;
  expect(failure.value).toBe('no luck');
  expect(phase.value).toBe('idle');
});

test('a worker that is ended on purpose is no failure', async () => {
  const first = ask();
  calls.ask[0]?.reject(ended);
  await first;
  expect(failure.value).toBeUndefined();
  expect(phase.value).toBe('idle');
});
