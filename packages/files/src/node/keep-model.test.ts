/** Rewritten models that are kept: nothing stale, nothing half-made, also by several writers at once. */
import { copyFile, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createPlan } from '@transprune/core';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { pruneModel } from '@transprune/onnx';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { copyDecoder, dataName, opens } from '../../testing/models.js';
import { keepModel } from './keep-model.js';
import { mostKeptModels } from './kept-models.js';
import { readModelFile } from './model-file.js';

const { TRANSPRUNE_CACHE } = process.env;
let cache: string;
let folder: string;
let sourcePath: string;

beforeEach(async () => {
  cache = await temporaryFolder();
  process.env.TRANSPRUNE_CACHE = cache;
  folder = await temporaryFolder();
  sourcePath = await copyDecoder(folder);
});

afterEach(() => {
  if (TRANSPRUNE_CACHE === undefined) delete process.env.TRANSPRUNE_CACHE;
  else process.env.TRANSPRUNE_CACHE = TRANSPRUNE_CACHE;
});

/** Keeps the decoder with a prune. */
async function keep(afterLayer = 1): Promise<string> {
  const plan = createPlan({ method: 'random', stages: [{ afterLayer, keepRatio: 0.5 }] });
  const { model } = pruneModel(await readModelFile(sourcePath), plan);
  return keepModel(model, sourcePath);
}

const inode = async (path: string) => (await stat(path)).ino;

test('the model lies beside a link to its weights, and is written once', async () => {
  const path = await keep();
  expect(path.startsWith(cache)).toBe(true);
  expect(await opens(path)).toBe(true);
  expect(await inode(join(dirname(path), dataName))).toBe(await inode(join(folder, dataName)));
  const written = await inode(path);
  expect(await keep()).toBe(path);
  expect(await inode(path)).toBe(written);
  expect(await readdir(folder)).toEqual(['model.onnx', dataName]);
});

test('another plan is another file, and so are other weights under the same names', async () => {
  const first = await keep();
  expect(await keep(2)).not.toBe(first);
  await copyFile(join(folder, dataName), join(folder, 'copy'));
  await rename(join(folder, 'copy'), join(folder, dataName));
  const second = await keep();
  expect(second).not.toBe(first);
  expect(await inode(join(dirname(second), dataName))).toBe(await inode(join(folder, dataName)));
});

test('what is broken is made again', async () => {
  const path = await keep();
  await rm(join(dirname(path), dataName));
  await writeFile(join(dirname(path), dataName), 'other weights');
  expect(await keep()).toBe(path);
  expect(await opens(path)).toBe(true);
  await rm(path);
  expect(await keep()).toBe(path);
  expect(await opens(path)).toBe(true);
});

test('beyond a number the ones that were not used for longest are removed', async () => {
  const root = join(cache, 'rewritten');
  const paths = [await keep(1), await keep(2)];
  const longAgo = new Date(Date.now() - 7_200_000);
  for (const path of paths) await utimes(dirname(path), longAgo, longAgo);
  for (let at = 1; at < mostKeptModels; at++) await mkdir(join(root, `${at}`));
  expect(await keep(1)).toBe(paths[0]);
  await keep(3);
  expect(await opens(paths[0] ?? '')).toBe(true);
  expect(await opens(paths[1] ?? '')).toBe(false);
});

test('writers at once come to the same file', async () => {
  const paths = await Promise.all([keep(), keep(), keep(), keep()]);
  expect(new Set(paths).size).toBe(1);
  expect(await opens(paths[0] ?? '')).toBe(true);
  expect(await readdir(join(cache, 'rewritten'))).toHaveLength(1);
});

test('where no folder will do the reason is told, and nothing is left', async () => {
  await writeFile(join(cache, 'rewritten'), 'a file');
  await writeFile(join(folder, '.transprune'), 'a file');
  expect(await failure(keep())).toMatch(/^WRITE_FAILED: .*set TRANSPRUNE_CACHE/);
  await rm(join(folder, '.transprune'));
  await mkdir(join(folder, '.transprune'));
  expect((await keep()).startsWith(join(folder, '.transprune'))).toBe(true);
});
