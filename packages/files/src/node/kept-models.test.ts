/** What is kept stays within bounds, and what was used lately stays in any case. */
import { link, mkdir, open, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { beforeEach, expect, test } from 'vitest';
import { mostKeptBytes, mostKeptModels, removeOldest, use } from './kept-models.js';

let root: string;

beforeEach(async () => {
  root = await temporaryFolder();
});

/** Makes a folder with a file that was used some hours ago. */
async function keep(name: string, hours: number, bytes = 1): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  const path = join(folder, 'model.onnx');
  const file = await open(path, 'w');
  await file.truncate(bytes);
  await file.close();
  await age(name, hours);
  return path;
}

async function age(name: string, hours: number): Promise<void> {
  const time = new Date(Date.now() - hours * 3_600_000);
  await utimes(join(root, name), time, time);
}

const names = async () => (await readdir(root)).sort();

test('beyond a number the oldest are removed', async () => {
  const all = Array.from({ length: mostKeptModels + 3 }, (_, at) => `${100 + at}`);
  for (const [at, name] of all.entries()) await keep(name, 2 + at);
  await writeFile(join(root, 'a file'), '');
  await removeOldest(root);
  expect(await names()).toEqual([...all.slice(0, mostKeptModels), 'a file']);
});

test('so are they beyond a size, which weights linked to elsewhere are no part of', async () => {
  const third = Math.floor(mostKeptBytes / 3);
  for (const hours of [2, 3, 4, 5]) await keep(`${hours}`, hours, third);
  const linked = await keep('6', 6, mostKeptBytes);
  await link(linked, join(await temporaryFolder(), 'weights'));
  await age('6', 1.5);
  await removeOldest(root);
  expect(await names()).toEqual(['2', '3', '4', '6']);
});

test('what was used within the hour stays, also beyond the bounds', async () => {
  await keep('large', 0.5, 2 * mostKeptBytes);
  await keep('used', 5);
  await keep('old', 4);
  expect(await use(root, 'used', async () => true)).toBe(true);
  await removeOldest(root);
  expect(await names()).toEqual(['large', 'used']);
});

test('what is not as it should be is not used', async () => {
  expect(await use(root, 'none', async () => false)).toBe(false);
  await rm(root, { recursive: true });
  expect(await use(root, 'none', async () => false)).toBe(false);
  await removeOldest(root);
  expect(await use(join(root, 'below'), 'some', async () => true)).toBe(true);
});

test('several at once remove each once', async () => {
  for (let at = 0; at < 2 * mostKeptModels; at++) await keep(`${100 + at}`, 2 + at);
  await Promise.all([removeOldest(root), removeOldest(root), removeOldest(root)]);
  expect(await names()).toHaveLength(mostKeptModels);
});
