import { execFileSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { beforeEach, expect, test } from 'vitest';
import { withLock } from './lock.js';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder, 'lock');
});

test('one at a time, and nothing is left', async () => {
  let holders = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++holders);
    await new Promise((resolve) => setTimeout(resolve, 1));
    holders--;
  };
  await Promise.all(Array.from({ length: 20 }, () => withLock(path, work, { pollMs: 1 })));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('is given back when the work fails', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await withLock(path, () => 'then')).toBe('then');
});

test('a holder that is not known to be dead is waited for', async () => {
  await writeFile(path, `another host\n1\nmark\n`);
  const released = setTimeout(() => rm(path), 50);
  expect(await withLock(path, () => 'then', { pollMs: 1 })).toBe('then');
  clearTimeout(released);
});

test('waiting ends when there is nothing to wait for, or by an interruption', async () => {
  await writeFile(path, `${hostname()}\n${process.pid}\nmark\n`);
  const gaveUp = await withLock(path, () => 'never', { whileWaiting: () => true });
  expect(gaveUp).toBeUndefined();
  const signal = AbortSignal.timeout(20);
  await expect(withLock(path, () => 'never', { signal })).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['lock']);
});

test('a lock whose holder has ended is broken', async () => {
  const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
  await writeFile(path, `${hostname()}\n${pid}\nmark\n`);
  expect(await withLock(path, () => 'mine')).toBe('mine');
  expect(await readdir(folder)).toEqual([]);
});
