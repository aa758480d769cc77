/** What is in the tarballs, and what is not. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedPackages } from '../testing/packed.js';
import { projectWith } from '../testing/project.js';

const packed = packedPackages();

test('manifests are whole, and nothing of the workspace is left in them', () => {
  expect(packed.all.length).toBeGreaterThan(10);
  for (const { manifest } of packed.all) {
    expect(JSON.stringify(manifest)).not.toMatch(/workspace:|catalog:/);
    expect(manifest).toMatchObject({
      name: expect.stringMatching(/^@transprune\//),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      description: expect.stringMatching(/\.$/),
      license: 'MIT',
      engines: { node: '>=20.19' },
    });
    expect(manifest.keywords?.length, manifest.name).toBeGreaterThan(2);
    for (const conditions of Object.values(manifest.exports ?? {})) {
      // `default`, not `import`: Node's `require` takes modules of ESM.
      expect(Object.keys(conditions)).toEqual(['@transprune/source', 'types', 'default']);
    }
  }
});

test('every file that a manifest names is there, with license and README; tests are not', async () => {
  for (const { manifest, folder } of packed.all) {
    const named = [manifest.exports ?? {}, { bin: manifest.bin ?? {} }]
      .flatMap((entries) => Object.values(entries))
      .flatMap((entry) => Object.values(entry));
    const files = ['README.md', 'LICENSE', ...named];
    expect(files.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
    const all = await readdir(folder, { recursive: true });
    expect(all.filter((path) => /\.test\.|^testing/.test(path))).toEqual([]);
  }
});

test('links of the READMEs lead to what is installed with them', async () => {
  const { folder } = await projectWith(packed.all);
  for (const { manifest } of packed.all) {
    const own = join(folder, 'node_modules', manifest.name);
    const readme = await readFile(join(own, 'README.md'), 'utf8');
    const links = Array.from(readme.matchAll(/\]\(([^)\s]+)\)/g), ([, link = '']) => link);
    const files = links.filter((link) => !/^(https:|#)/.test(link));
    const gone = files.filter((link) => !existsSync(join(own, link.replace(/#.*/, ''))));
    expect(gone, manifest.name).toEqual([]);
  }
});
