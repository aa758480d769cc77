/** A worker at the other end of a channel of messages. */
import { expose } from 'comlink';
import { expect, test, vi } from 'vitest';
import { ended, shortWorker } from './short-worker.js';

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
