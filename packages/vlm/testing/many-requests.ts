/** A process that asks one engine very often, and prints its memory from time to time. Needs `--expose-gc`. */
import { createNodeBackend } from '@transprune/backend-node';
import { openModel } from '@transprune/files/node';
import { collect, openEngine } from '../src/index.js';

const [, , folder = '', count = '1000'] = process.argv;
const every = 100;
const together = 4;
const side = 24;
const image = {
  data: Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * i) % 256),
  width: side,
  height: side,
  channels: 3,
} as const;

// The model is small: threads would only wait for each other.
const backend = createNodeBackend({ threads: 1 });
const engine = await openEngine({ model: { folder }, backend, open: openModel });
const ask = async (at: number) => {
  const request = { prompt: 'USER: <image>\nWhat? ASSISTANT:', images: [image], maxNewTokens: 3 };
  const controller = new AbortController();
  const events = engine.generate({ ...request, signal: controller.signal });
  // Some do not wait for the end.
  await collect(events, () => at % 10 === 9 && controller.abort());
};
const measured: { requests: number; heap: number; arrays: number; resident: number }[] = [];
for (let done = 0; done < Number(count); done += together) {
  await Promise.all(Array.from({ length: together }, (_, i) => ask(done + i)));
  if ((done + together) % every !== 0) continue;
  // What was collected is given back a little later.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  measured.push({ requests: done + together, heap: heapUsed, arrays: arrayBuffers, resident: rss });
}
await engine.dispose();
console.log(JSON.stringify(measured));
