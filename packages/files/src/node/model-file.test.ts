import {
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { TransPruneError } from '@transprune/core';
import { officialFile } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { externalLocations } from '@transprune/onnx';
import { beforeEach, describe, expect, test } from 'vitest';
import { missingExternalData, readModelFile, writeModelFile } from './model-file.js';

const decoderPath = officialFile('group-query-attention/model.onnx');
const dataName = 'model.onnx.data';

let folder: string;
let sourcePath: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  sourcePath = join(folder, 'model.onnx');
  await copyFile(decoderPath, sourcePath);
  await copyFile(`${decoderPath}.data`, join(folder, dataName));
});

async function failure(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.catch((cause: unknown) => cause);
  return TransPruneError.isInstance(error)
    ? `${error.code}: ${error.message}`
    : `not ours: ${error}`;
}

async function opens(path: string): Promise<boolean> {
  const opened = await nodeBackend.open({ path }, { device: 'cpu' });
  if ('unavailable' in opened) return false;
  await opened.dispose();
  return true;
}

describe('reading', () => {
  test('names the file in every complaint', async () => {
    const missing = join(folder, 'none.onnx');
    expect(await failure(readModelFile(missing))).toMatch(/^NOT_FOUND: .*none\.onnx, got no such/);
    expect(await failure(readModelFile(folder))).toMatch(/^INVALID_MODEL: .*got a folder/);
    await truncate(sourcePath, 5000);
    expect(await failure(readModelFile(sourcePath))).toContain(`INVALID_MODEL: ${sourcePath}: `);
    await writeFile(sourcePath, '');
    expect(await failure(readModelFile(sourcePath))).toContain(`INVALID_MODEL: ${sourcePath}: `);
  });

  test('refuses files over 2 GiB without reading them', async () => {
    const path = join(folder, 'large.onnx');
    const file = await open(path, 'w');
    await file.truncate(2 ** 31);
    await file.close();
    expect(await failure(readModelFile(path))).toMatch(
      /^INVALID_MODEL: .*under 2 GiB, got 2147483648 bytes; .*external data file/,
    );
  });

  test('tells which data files are missing', async () => {
    const model = await readModelFile(sourcePath);
    expect(await missingExternalData(model, folder)).toEqual([]);
    expect(await missingExternalData(model, join(folder, 'elsewhere'))).toEqual([dataName]);
  });
});

describe('writing', () => {
  test('beside the original refers to the same data', async () => {
    const target = join(folder, 'pruned.onnx');
    const placed = await writeModelFile(await readModelFile(sourcePath), target, { sourcePath });
    expect(placed).toMatchObject([{ location: dataName, placement: 'inside', made: false }]);
    expect(await opens(target)).toBe(true);
    expect((await readdir(folder)).sort()).toEqual(['model.onnx', dataName, 'pruned.onnx']);
  });

  test('above the original refers to the folder below', async () => {
    const below = join(folder, 'onnx');
    await mkdir(below);
    await rename(sourcePath, join(below, 'model.onnx'));
    await rename(join(folder, dataName), join(below, dataName));
    const target = join(folder, 'pruned.onnx');
    const model = await readModelFile(join(below, 'model.onnx'));
    await writeModelFile(model, target, { sourcePath: join(below, 'model.onnx') });
    expect(externalLocations(await readModelFile(target))).toEqual([`onnx/${dataName}`]);
    expect(await opens(target)).toBe(true);
  });

  test('elsewhere links the data, whose bytes are shared', async () => {
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    const target = join(elsewhere, 'pruned.onnx');
    const model = await readModelFile(sourcePath);
    const placed = await writeModelFile(model, target, { sourcePath });
    expect(placed).toMatchObject([{ location: dataName, placement: 'linked', made: true }]);
    expect((await stat(join(elsewhere, dataName))).ino).toBe(
      (await stat(join(folder, dataName))).ino,
    );
    expect(await opens(target)).toBe(true);
    const again = await writeModelFile(model, target, { sourcePath });
    expect(again).toMatchObject([{ placement: 'linked', made: false }]);
  });

  test('elsewhere does not touch another file of the same name', async () => {
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, dataName), 'mine');
    const target = join(elsewhere, 'pruned.onnx');
    const placed = await writeModelFile(await readModelFile(sourcePath), target, { sourcePath });
    expect(placed).toMatchObject([
      {
        location: `../${dataName}`,
        placement: 'outside',
        reason: expect.stringMatching(/another file/),
      },
    ]);
    expect(await readFile(join(elsewhere, dataName), 'utf8')).toBe('mine');
  });

  test('never reads the data, however large it says it is', async () => {
    await truncate(join(folder, dataName), 20 * 2 ** 30);
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    const target = join(elsewhere, 'pruned.onnx');
    await writeModelFile(await readModelFile(sourcePath), target, { sourcePath });
    expect((await stat(target)).size).toBeLessThan(1_000_000);
    expect(await opens(target)).toBe(true);
  });

  test('over the original replaces it', async () => {
    const model = await readModelFile(sourcePath);
    model.producerName = 'replaced';
    await writeModelFile(model, sourcePath, { sourcePath });
    expect((await readModelFile(sourcePath)).producerName).toBe('replaced');
    expect(await opens(sourcePath)).toBe(true);
  });

  test('refuses to replace the weights', async () => {
    const model = await readModelFile(sourcePath);
    const before = await stat(join(folder, dataName));
    expect(await failure(writeModelFile(model, join(folder, dataName), { sourcePath }))).toMatch(
      /^INVALID_ARGUMENT: expected another file/,
    );
    expect((await stat(join(folder, dataName))).size).toBe(before.size);
  });

  test('leaves nothing behind where it fails', async () => {
    const model = await readModelFile(sourcePath);
    const nowhere = join(folder, 'nowhere', 'pruned.onnx');
    expect(await failure(writeModelFile(model, nowhere, { sourcePath }))).toMatch(
      /^WRITE_FAILED: expected to write .*no such file or folder; check that the folder exists/,
    );
    const occupied = join(folder, 'occupied.onnx');
    await mkdir(join(occupied, 'inside'), { recursive: true });
    expect(await failure(writeModelFile(model, occupied, { sourcePath }))).toMatch(/^WRITE_FAILED/);
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(join(elsewhere, 'pruned.onnx', 'inside'), { recursive: true });
    const target = join(elsewhere, 'pruned.onnx');
    expect(await failure(writeModelFile(model, target, { sourcePath }))).toMatch(/^WRITE_FAILED/);
    expect(await readdir(elsewhere)).toEqual(['pruned.onnx']);
    expect((await readdir(folder)).sort()).toEqual([
      'elsewhere',
      'model.onnx',
      dataName,
      'occupied.onnx',
    ]);
  });

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'says so where it may not write',
    async () => {
      const model = await readModelFile(sourcePath);
      await chmod(folder, 0o555);
      const target = join(folder, 'pruned.onnx');
      expect(await failure(writeModelFile(model, target, { sourcePath }))).toMatch(/no permission/);
      await chmod(folder, 0o755);
    },
  );
});
