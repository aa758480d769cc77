import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../../testing/failure.js';
import { checkFolder, checkTarget } from './target.js';

const isRoot = process.getuid?.() === 0;

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  await mkdir(join(folder, 'empty'));
  await mkdir(join(folder, 'full', 'inner'), { recursive: true });
  await writeFile(join(folder, 'file'), '');
  await symlink('nowhere', join(folder, 'link'));
});

describe.each(['anything', 'nothing'] as const)('a folder that may hold %s', (holds) => {
  test.each(['empty', 'new', 'new/deeper', 'full/new'])('%s', async (path) => {
    await checkFolder(join(folder, path), holds);
    expect((await readdir(folder)).sort()).toEqual(['empty', 'file', 'full', 'link']);
  });

  test.each(['file', 'file/in', 'file/in/deeper'])('is refused at %s', async (path) => {
    expect(await failure(checkFolder(join(folder, path), holds))).toBe(
      `WRITE_FAILED: expected to write ${join(folder, path)}, got ${join(folder, 'file')}, which is no folder; name another folder`,
    );
  });

  test('is refused at a link that leads nowhere', async () => {
    expect(await failure(checkFolder(join(folder, 'link'), holds))).toMatch(
      /^WRITE_FAILED: .* got no such file or folder; name another folder$/,
    );
  });

  test.skipIf(isRoot)('is refused where nothing may be written', async () => {
    await chmod(join(folder, 'empty'), 0o500);
    const refusal = await failure(checkFolder(join(folder, 'empty', 'new'), holds));
    expect(refusal).toMatch(/^WRITE_FAILED: .* got no permission; name another folder$/);
  });
});

test.skipIf(isRoot)('a file in a folder that may not be written to is refused', async () => {
  await chmod(join(folder, 'empty'), 0o500);
  const refusal = await failure(checkTarget(join(folder, 'empty', 'new'), { inputs: [] }));
  expect(refusal).toMatch(/^WRITE_FAILED: .* got no permission; check that the folder exists/);
});

test('a folder that holds something is refused where it has to be empty', async () => {
  const full = join(folder, 'full');
  await checkFolder(full, 'anything');
  expect(await failure(checkFolder(full, 'nothing'))).toBe(
    `WRITE_FAILED: expected to write ${full}, got a folder that holds inner; name a new folder, or an empty one`,
  );
});
