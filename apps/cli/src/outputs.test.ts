/** What is written to a place that it cannot be written to. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder, transprune } from '../testing/program.js';
import { writeFiles } from './eval/official.js';
import { exitCodes } from './exit-codes.js';
import { writeWhole } from './show/ending.js';

const decoder = join(modelDirectory, 'onnx/decoder_model_merged.onnx');
const picture = join(samplesDirectory, 'scene-1.png');

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'file.svg');
  await writeFile(file, 'mine');
  await mkdir(join(folder, 'folder.svg/inner'), { recursive: true });
});

const commands = {
  prune: ['prune', decoder, '-o'],
  'prune --dry-run': ['prune', decoder, '--dry-run', '-o'],
  visualize: ['visualize', picture, 'what is it?', '-o'],
  'visualize --force': ['visualize', picture, 'what is it?', '--force', '-o'],
  tune: ['tune', '--scenes', '1', '-o'],
  'tune --answers': ['tune', '--scenes', '1', '--answers'],
  eval: ['eval', 'embedded', '--limit', '1', '--answers'],
  'eval --official': ['eval', 'embedded', '--limit', '1', '--answers', 'never', '--official'],
  'eval -o': ['eval', 'embedded', '--limit', '1', '--answers', 'never', '-o'],
  'export triton': ['export', 'triton', modelDirectory, '-o'],
  'export kserve': ['export', 'kserve', modelDirectory, '--storage-uri', 's3://models', '-o'],
};
type Name = keyof typeof commands;

/** Paths of all that lies in the folder. */
const listing = async () => (await readdir(folder, { recursive: true })).sort();

/** An error in words, and nothing else: the system's own codes are none. */
async function expectRefusal(name: Name, path: string, reason: RegExp): Promise<void> {
  const before = await listing();
  const { exitCode, stdout, stderr } = await transprune(...commands[name], path);
  expect(stderr).toMatch(/^error: expected .*, got .*; .*\n$/);
  expect(stderr).toMatch(reason);
  expect(stderr).toContain(path);
  expect(stderr).not.toMatch(/\bE[A-Z]{4,}\b|error: [Ee]rror/);
  expect([exitCodes.failure, exitCodes.usage]).toContain(exitCode);
  expect(stdout).toBe('');
  expect(await listing()).toEqual(before);
  expect(await readFile(file, 'utf8')).toBe('mine');
}

const names = Object.keys(commands) as Name[];
const takesFolder = (name: Name) =>
  ['tune --answers', 'eval --official'].includes(name) || name.startsWith('export');

test.each(names)('%s: through a file', async (name) => {
  await expectRefusal(name, join(file, 'below.svg'), /no folder/);
});

test.each(names.filter(takesFolder))('%s: a file in place of a folder', async (name) => {
  await expectRefusal(name, file, /which is no folder; name another folder/);
});

test.each(names.filter((name) => !takesFolder(name)))('%s: a folder in place of a file', (name) =>
  expectRefusal(name, join(folder, 'folder.svg'), /got a folder; name a file in it/),
);

test.each(['eval --official', 'export triton', 'export kserve'] as const)(
  '%s: a folder with something in it',
  (name) => expectRefusal(name, join(folder, 'folder.svg'), /inner; name/),
);

describe('what turns out only while writing', () => {
  const inner = () => join(folder, 'folder.svg');

  test('leaves no part of a file', async () => {
    await expect(writeWhole(inner(), 'text')).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: `expected to write ${inner()}, got a folder; check that its folder is writable and has room`,
    });
    expect(await readdir(folder)).toEqual(['file.svg', 'folder.svg']);
  });

  test("names the file of a benchmark's own scorer", async () => {
    await expect(writeFiles(folder, new Map([['file.svg/a.jsonl', '']]))).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: `expected to write ${join(file, 'a.jsonl')}, got a file where there should be a folder; name another folder`,
    });
  });
});
