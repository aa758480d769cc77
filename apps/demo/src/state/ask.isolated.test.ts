/** What may be asked when; the worker is one that answers when it is told to. */
import type { Answer, LayerMaps } from '@transprune/trace';
import type { Remote } from 'comlink';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AskEvent, DemoWorker } from '../worker/protocol.js';
import { ask, stop } from './ask.js';
import { imageSize } from './samples.js';
import { type Callback, ended, WorkerDeath } from './short-worker.js';
import { failure, model, phase, picture, question, shown, status } from './store.js';

/** Calls of the worker that are not answered yet. */
const calls = {
  ask: [] as Deferred<boolean>[],
  layers: [] as Deferred<readonly LayerMaps[]>[],
};

const card = { isLost: false, isOpened: true };
const stops: string[] = [];
const loads: string[] = [];
let tell = (_: AskEvent) => {};

vi.mock('./load.js', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  loadModel: async (doing: string) => loads.push(doing) > 0 && card.isOpened,
}));

vi.mock('./worker.js', () => ({
  endWorker: () => {},
  withWorker: (use: (worker: Remote<DemoWorker>, callback: Callback) => Promise<unknown>) => {
    const pending = <T>(all: Deferred<T>[]) => {
      const call = deferred<T>();
      all.push(call);
      return call.promise;
    };
    const worker = {
      ask: (_: unknown, onEvent: (event: AskEvent) => void) => {
        tell = onEvent;
        return pending(calls.ask);
      },
      layers: () => pending(calls.layers),
      deviceIsLost: async () => card.isLost,
      stop: async () => {
        stops.push(status.value);
      },
    };
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
  model.value = { phase: 'none' };
  card.isLost = false;
  card.isOpened = true;
  stops.length = 0;
  loads.length = 0;
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

test('what goes wrong with the layers of an answer is not told of another one', async () => {
  const first = ask();
  calls.ask[0]?.resolve(true);
  await vi.waitFor(() => expect(calls.layers).toHaveLength(1));
  const second = ask();
  calls.layers[0]?.reject(new Error('no layers'));
  await first;
  expect(failure.value).toBeUndefined();
  calls.ask[1]?.resolve(true);
  await vi.waitFor(() => expect(calls.layers).toHaveLength(2));
  calls.layers[1]?.reject(new Error('no layers'));
  await second;
  expect(failure.value).toBe('no layers');
});

test('no layers are asked for of an answer that is not shown any more', async () => {
  const asked = ask();
  shown.value = undefined;
  calls.ask[0]?.resolve(true);
  await asked;
  expect(calls.layers).toHaveLength(0);
});

test('only an answer that is on its way is stopped', async () => {
  status.value = '';
  stop();
  expect([stops, status.value]).toEqual([[], '']);
  const asked = ask();
  stop();
  expect(stops).toEqual(['Stopped']);
  const answer = { text: 'blue', finishReason: 'aborted' } as Answer;
  tell({ type: 'answer', side: 'unpruned', answer });
  expect(shown.value?.answers.unpruned).toEqual(answer);
  // What was on its way when it was stopped says nothing any more.
  tell({ type: 'start', side: 'pruned' });
  expect([status.value, phase.value]).toEqual(['Stopped', 'unpruned']);
  calls.ask[0]?.resolve(false);
  await asked;
});

test('a question that is asked while another one runs changes nothing', async () => {
  const asked = ask();
  question.value = '';
  await ask();
  expect([failure.value, calls.ask.length]).toEqual([undefined, 1]);
  calls.ask[0]?.resolve(false);
  await asked;
});

test('a worker that has died is told of, and the model can be loaded again', async () => {
  const facts = { device: 'wasm', noWebgpu: undefined, threads: 1, layers: 12 } as const;
  model.value = { phase: 'ready', facts };
  const asked = ask();
  calls.ask[0]?.reject(new WorkerDeath('the worker ended'));
  await asked;
  expect([failure.value, model.value.phase, phase.value]).toEqual([
    ...['the worker ended', 'none', 'idle'],
  ]);
});

test('after a failure the next question can be asked', async () => {
  const first = ask();
  calls.ask[0]?.reject(new Error('no luck'));
  await first;
  expect(failure.value).toBe('no luck');
  expect(phase.value).toBe('idle');
});

describe('on a graphics card', () => {
  beforeEach(() => {
    const facts = { device: 'webgpu', noWebgpu: undefined, threads: 1, layers: 12 } as const;
    model.value = { phase: 'ready', facts };
  });

  test('a failure is told as what it is, and nothing is opened again', async () => {
    const asked = ask();
    calls.ask[0]?.reject(new Error('the shader of MatMul is invalid'));
    await asked;
    expect(failure.value).toBe('the shader of MatMul is invalid');
    expect(status.value).toBe('No answer: the shader of MatMul is invalid');
    expect([loads, calls.ask.length]).toEqual([[], 1]);
  });

  test('that was lost: to stop while the model is opened again is no failure', async () => {
    card.isLost = true;
    card.isOpened = false;
    const asked = ask();
    calls.ask[0]?.reject(new Error('mapAsync was aborted'));
    await vi.waitFor(() => expect(loads).toHaveLength(1));
    model.value = { phase: 'none' };
    await asked;
    expect([failure.value, calls.ask.length]).toEqual([undefined, 1]);
  });

  test('that was lost the model is opened again, and asked once more', async () => {
    card.isLost = true;
    const asked = ask();
    calls.ask[0]?.reject(new Error('mapAsync was aborted'));
    await vi.waitFor(() => expect(calls.ask).toHaveLength(2));
    expect(loads).toEqual(['The graphics card was lost; opening it again']);
    calls.ask[1]?.resolve(false);
    await asked;
    expect(failure.value).toBeUndefined();
  });
});

test('a worker that is ended on purpose is no failure', async () => {
  const first = ask();
  calls.ask[0]?.reject(ended);
  await first;
  expect(failure.value).toBeUndefined();
  expect(phase.value).toBe('idle');
});
