import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { expect, test } from 'vitest';
import { root } from '../testing/packed.js';

const stamp = (...parameters: string[]) =>
  promisify(execFile)(process.execPath, [join(root, 'scripts/repository.mjs'), ...parameters]);

test('a release says where the sources are; private packages stay as they are', async () => {
  const folder = await temporaryFolder();
  const manifests = {
    'packages/one': { name: 'one', version: '1.0.0' },
    'packages/two': { name: 'two', private: true },
    'apps/three': { name: 'three', version: '1.0.0' },
  };
  for (const [path, manifest] of Object.entries(manifests)) {
    await mkdir(join(folder, path), { recursive: true });
    await writeFile(join(folder, path, 'package.json'), JSON.stringify(manifest));
  }
  await mkdir(join(folder, 'packages/none'));
  await stamp('https://example.com/owner/name', folder);
  const read = async (path: string) =>
    JSON.parse(await readFile(join(folder, path, 'package.json'), 'utf8'));
  expect(await read('packages/one')).toEqual({
    ...manifests['packages/one'],
    repository: {
      type: 'git',
      url: 'git+https://example.com/owner/name.git',
      directory: 'packages/one',
    },
    homepage: 'https://example.com/owner/name/tree/HEAD/packages/one#readme',
    bugs: 'https://example.com/owner/name/issues',
  });
  expect(await read('packages/two')).toEqual(manifests['packages/two']);
  expect(await read('apps/three')).toMatchObject({ repository: { directory: 'apps/three' } });
});

test.each([[[]], [['/']], [['owner/name']], [['https://example.com/name']]])(
  '%j is no address of a repository',
  async (parameters) => {
    await expect(stamp(...parameters)).rejects.toThrow(/expected the address of the repository/);
  },
);
