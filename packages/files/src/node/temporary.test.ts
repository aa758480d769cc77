import { copyFile, mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { officialFile } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { relocateExternalData } from '@transprune/onnx';
import { beforeEach, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { copyDecoder, dataName, opens } from '../../testing/models.js';
import { readModelFile } from './model-file.js';
import { type TemporaryFolders, temporaryModel, withTemporaryFolders } from './temporary.js';

let folder: string;
let sourcePath: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  sourcePath = await copyDecoder(folder);
});

const never = new AbortController().signal;

test('weights are linked into a folder that lives as long as the work', async () => {
  const model = await readModelFile(sourcePath);
  const path = await withTemporaryFolders(never, async (folders) => {
    const source = await temporaryModel(model, sourcePath, folders);
    if (!('path' in source)) throw new Error('expected a file');
    expect(await opens(source.path)).toBe(true);
    const linked = await stat(join(source.path, '..', dataName));
    expect(linked.ino).toBe((await stat(join(folder, dataName))).ino);
    return source.path;
  });
  await expect(stat(path)).rejects.toThrow('ENOENT');
  expect((await readdir(folder)).sort()).toEqual(['model.onnx', dataName]);
});

test('a model without files is bytes', async () => {
  const path = join(folder, 'inline.onnx');
  await copyFile(officialFile('torchscript/model.onnx'), path);
  const model = await readModelFile(path);
  const source = await withTemporaryFolders(never, (folders) =>
    temporaryModel(model, path, folders),
  );
  expect('bytes' in source && source.bytes.length).toBeGreaterThan(1000);
});

test('weights are read only where no folder can be made for links', async () => {
  const model = await readModelFile(sourcePath);
  const nowhere: TemporaryFolders = { create: () => Promise.reject(new Error('read-only')) };
  const source = await temporaryModel(model, sourcePath, nowhere);
  const data = 'bytes' in source ? source.externalData?.[dataName] : undefined;
  expect(data?.length).toBe((await stat(join(folder, dataName))).size);
});

test.skipIf(process.platform === 'win32')('what leads out is neither linked nor read', async () => {
  await mkdir(join(folder, 'below'));
  await symlink('/dev/zero', join(folder, 'below', 'zero'));
  const made: string[] = [];
  const watched: TemporaryFolders = {
    create: async (parent) => {
      made.push(parent ?? '');
      throw new Error('read-only');
    },
  };
  for (const location of ['/dev/zero', 'below/zero', '../secret', 'below']) {
    const model = relocateExternalData(await readModelFile(sourcePath), () => location);
    expect(await failure(temporaryModel(model, sourcePath, watched))).toMatch(/^INVALID_MODEL/);
  }
  expect(made).toEqual([]);
});

test('an interruption removes the folders at once', async () => {
  const interruption = new AbortController();
  await withTemporaryFolders(interruption.signal, async (folders) => {
    const first = await folders.create(folder);
    interruption.abort();
    await expect(stat(first)).rejects.toThrow('ENOENT');
    await expect(stat(await folders.create(folder))).rejects.toThrow('ENOENT');
  });
});
