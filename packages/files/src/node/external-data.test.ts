import { execFileSync } from 'node:child_process';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { type OnnxModel, relocateExternalData } from '@transprune/onnx';
import { beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { copyDecoder, dataName, opens } from '../../testing/models.js';
import { requireExternalData } from './external-data.js';
import { readModelFile } from './model-file.js';

let folder: string;
let sourcePath: string;
let model: OnnxModel;

beforeEach(async () => {
  folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  sourcePath = await copyDecoder(folder);
  model = await readModelFile(sourcePath);
});

const at = (location: string) =>
  requireExternalData(
    relocateExternalData(model, () => location),
    sourcePath,
  );

test('finds what is there, and names all that is missing', async () => {
  expect(await requireExternalData(model, sourcePath)).toMatchObject([
    { location: dataName, path: join(folder, dataName) },
  ]);
  await rm(join(folder, dataName));
  expect(await failure(requireExternalData(model, sourcePath))).toMatch(
    /^NOT_FOUND: the weights of .* are missing: .*model\.onnx\.data; put them beside/,
  );
  expect(await failure(at(`model.onnx/${dataName}`))).toMatch(/^NOT_FOUND/);
});

describe('a location that leads out is refused', () => {
  test.each([
    '../secret',
    '../../../../../../etc/passwd',
    'below/../../secret',
    '/etc/passwd',
    '/dev/zero',
    'C:\\secret',
    'c:secret',
    '..\\secret',
    '\\\\server\\share\\secret',
    'file:///etc/passwd',
    'nul\0byte',
    '',
    '.',
    './.',
  ])('%j', async (location) => {
    await writeFile(join(folder, '..', 'secret'), 'secret');
    expect(await failure(at(location))).toMatch(/^INVALID_MODEL: .*below its own folder, got/);
  });
});

describe.skipIf(process.platform === 'win32')('what lies there is looked at', () => {
  test('a link that leads out, to a file or through a folder', async () => {
    const outside = join(folder, '..', 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'secret');
    await symlink(join(outside, 'secret'), join(folder, 'link'));
    await symlink('../outside', join(folder, 'below'));
    for (const location of ['link', 'below/secret']) {
      expect(await failure(at(location))).toMatch(
        /^INVALID_MODEL: .*a link to .*outside.secret, outside the folder/,
      );
    }
  });

  test('devices, pipes, folders and links in a circle', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await mkdir(join(folder, 'below'));
    await symlink('circle', join(folder, 'circle'));
    await symlink('/dev/zero', join(folder, 'zero'));
    expect(await failure(at('pipe'))).toMatch(/^INVALID_MODEL: .*which is a named pipe/);
    expect(await failure(at('below'))).toMatch(/^INVALID_MODEL: .*which is a folder/);
    expect(await failure(at('circle'))).toMatch(/^INVALID_MODEL: .*in a circle/);
    expect(await failure(at('zero'))).toMatch(/^INVALID_MODEL: .*outside the folder/);
    expect(await failure(at('x'.repeat(300)))).toMatch(/^INVALID_MODEL: .*too long/);
  });

  test('links within the folder are fine', async () => {
    await mkdir(join(folder, 'below'));
    await rename(join(folder, dataName), join(folder, 'below', 'weights'));
    await symlink('below/weights', join(folder, dataName));
    expect(await failure(requireExternalData(model, sourcePath))).toBe('none');
    expect(await opens(sourcePath)).toBe(true);
  });

  test('a model that is a link itself may have its data beside either', async () => {
    const snapshot = join(folder, '..', 'snapshot');
    await mkdir(snapshot);
    await rename(sourcePath, join(folder, 'blob-1'));
    await rename(join(folder, dataName), join(folder, 'blob-2'));
    sourcePath = join(snapshot, 'model.onnx');
    await symlink('../model/blob-1', sourcePath);
    await symlink('../model/blob-2', join(snapshot, dataName));
    expect(await failure(requireExternalData(model, sourcePath))).toBe('none');
    expect(await opens(sourcePath)).toBe(true);
  });
});
