/** A thousand requests on one engine leave nothing. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hubFolder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { bundled } from '../../testing/bundled.js';

interface Memory {
  readonly requests: number;
  readonly heap: number;
  readonly arrays: number;
  readonly resident: number;
}

const mebibytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10;

test('memory is flat over 1,000 requests', async () => {
  const program = await bundled('many-requests');
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    program,
    hubFolder('llava'),
    '1000',
  ]);
  const measured: readonly Memory[] = JSON.parse(stdout);
  expect(measured.at(-1)?.requests).toBe(1000);
  for (const { requests, heap, arrays, resident } of measured) {
    console.info(
      `after ${requests} requests: heap ${mebibytes(heap)} MiB, array buffers ${mebibytes(arrays)} MiB, resident ${mebibytes(resident)} MiB`,
    );
  }
  // The first ones fill caches of compiled code and of the allocator.
  const [, warm, ...later] = measured;
  const most = (of: (memory: Memory) => number) => Math.max(...later.map(of)) - of(warm!);
  expect(mebibytes(most(({ heap }) => heap))).toBeLessThan(8);
  expect(mebibytes(most(({ arrays }) => arrays))).toBeLessThan(8);
  expect(mebibytes(most(({ resident }) => resident))).toBeLessThan(64);
});
