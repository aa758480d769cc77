import { expect, test } from 'vitest';
import { EventStream } from './stream.js';

/** A stream that counts how often it is left. */
function stream() {
  const left = { times: 0 };
  const events = new EventStream<number>(async () => {
    left.times++;
  });
  return { events, left };
}

async function read(events: AsyncIterable<number>, until = Number.POSITIVE_INFINITY) {
  const found: number[] = [];
  for await (const event of events) {
    found.push(event);
    if (found.length === until) break;
  }
  return found;
}

test('events are read in order, those that are there and those that come', async () => {
  const { events, left } = stream();
  events.push(1);
  const reading = read(events);
  await Promise.resolve();
  events.push(2);
  events.push(3);
  events.end();
  expect(await reading).toEqual([1, 2, 3]);
  expect(left.times).toBe(0);
});

test('an error comes after the events before it', async () => {
  const { events, left } = stream();
  events.push(1);
  events.fail(new Error('first'));
  events.fail(new Error('second'));
  const iterator = events[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 1 });
  await expect(iterator.next()).rejects.toThrow('first');
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
  expect(left.times).toBe(0);
});

test('leaving is noticed once, also before the first event', async () => {
  const { events, left } = stream();
  for (const event of [1, 2, 3]) events.push(event);
  expect(await read(events, 2)).toEqual([1, 2]);
  expect(left.times).toBe(1);
  const other = stream();
  const iterator = other.events[Symbol.asyncIterator]();
  await iterator.return?.();
  await iterator.return?.();
  expect(other.left.times).toBe(1);
});

test('several who ask at once get one event each, in the order that they asked', async () => {
  const { events } = stream();
  const [one, other] = [events[Symbol.asyncIterator](), events[Symbol.asyncIterator]()];
  const asked = Promise.all([one.next(), one.next(), other.next(), one.next(), one.next()]);
  await Promise.resolve();
  for (const event of [1, 2, 3]) events.push(event);
  events.end();
  expect((await asked).map(({ value }) => value)).toEqual([1, 2, 3, undefined, undefined]);
});

test('leaving ends those who wait', async () => {
  const { events, left } = stream();
  const iterator = events[Symbol.asyncIterator]();
  const asked = [iterator.next(), iterator.next()];
  await Promise.resolve();
  await iterator.return?.();
  expect((await Promise.all(asked)).map(({ done }) => done)).toEqual([true, true]);
  expect(left.times).toBe(1);
});
