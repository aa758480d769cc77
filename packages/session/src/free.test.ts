import { expect, test } from 'vitest';
import { freeElements } from './free.js';

test('elements are gone', () => {
  const data = new Float32Array(4).fill(1);
  freeElements(data);
  expect([data.length, data.buffer.byteLength]).toEqual([0, 0]);
  freeElements(data);
});

test('what shares its memory stays', () => {
  const all = new Float32Array([1, 2, 3]);
  freeElements(all.subarray(1));
  expect([...all]).toEqual([1, 2, 3]);
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  freeElements(shared);
  expect(shared).toHaveLength(2);
});

test('memory is given back', async () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 50; i++) {
    freeElements(new Float32Array(1e6).fill(i));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
});
