/** A worker at the other end of a channel of messages. */
import { expose } from 'comlink';
import { expect, test, vi } from 'vitest';
import { ended, shortWorker, WorkerDeath } from './short-worker.js';

interface Counting {
  count(onCount: (count: number) => void): Promise<number>;
}

test('a worker that is ended is not heard again, not even with what it had sent', async () => {
  const { port1, port2 } = new MessageChannel();
  let tell: ((count: number) => void) | undefined;
  expose(
    {
      count(onCount) {
        tell = onCount;
        onCount(1);
        return new Promise<number>(() => {});
      },
    } satisfies Counting,
    port2,
  );
  const worker = shortWorker<Counting>(Object.assign(port1, { terminate() {} }) as never);
  const counts: number[] = [];
  const call = worker.call(({ count }, callback) => count(callback((value) => counts.push(value))));
  await vi.waitFor(() => expect(counts).toEqual([1]));
  // On its way when the worker is ended.
  await tell?.(2);
  tell?.(3);
  worker.end();
  await expect(call).rejects.toBe(ended);
  await tell?.(4);
  expect(counts).toEqual([1, 2]);
  port1.close();
  port2.close();
});

test('a worker that has died fails all its calls, and is not heard again', async () => {
  const { port1, port2 } = new MessageChannel();
  let tell: ((count: number) => void) | undefined;
  expose(
    {
      count(onCount) {
        tell = onCount;
        return new Promise<number>(() => {});
      },
    } satisfies Counting,
    port2,
  );
  const terminate = vi.fn();
  const worker = shortWorker<Counting>(Object.assign(port1, { terminate }) as never);
  const counts: number[] = [];
  const count = () =>
    worker.call((remote, callback) => remote.count(callback((value) => counts.push(value))));
  const call = count();
  await vi.waitFor(() => expect(tell).toBeDefined());
  port1.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
  await expect(call).rejects.toThrow(new WorkerDeath('out of memory'));
  await expect(count()).rejects.toThrow(WorkerDeath);
  await tell?.(1);
  expect([counts.length, terminate.mock.calls.length]).toEqual([0, 1]);
  port1.close();
  port2.close();
});
