import { execFileSync } from 'node:child_process';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { beforeEach, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { copyDecoder } from '../../testing/models.js';
import { readModelFile } from './model-file.js';

let folder: string;
let sourcePath: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  sourcePath = await copyDecoder(folder);
});

test('names the file in every complaint', async () => {
  const missing = join(folder, 'none.onnx');
  expect(await failure(readModelFile(missing))).toMatch(/^NOT_FOUND: .*none\.onnx, got no such/);
  expect(await failure(readModelFile(folder))).toMatch(/^INVALID_MODEL: .*got a folder/);
  await truncate(sourcePath, 5000);
  expect(await failure(readModelFile(sourcePath))).toContain(`INVALID_MODEL: ${sourcePath}: `);
  await writeFile(sourcePath, '<!DOCTYPE html>');
  expect(await failure(readModelFile(sourcePath))).toMatch(/^INVALID_MODEL: .*: .*got a web page/);
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

test.skipIf(process.platform === 'win32')('does not wait for what is no file', async () => {
  const pipe = join(folder, 'pipe.onnx');
  execFileSync('mkfifo', [pipe]);
  expect(await failure(readModelFile(pipe))).toMatch(/^INVALID_MODEL: .*got a named pipe; name/);
  expect(await failure(readModelFile('/dev/zero'))).toMatch(/^INVALID_MODEL: .*got a device; name/);
});

test('says what is wrong with a path', async () => {
  const below = join(sourcePath, 'model.onnx');
  expect(await failure(readModelFile(below))).toMatch(/^NOT_FOUND: .*something that is no folder/);
  const long = join(folder, 'x'.repeat(300));
  expect(await failure(readModelFile(long))).toMatch(/^NOT_FOUND: .*name that is too long/);
});
