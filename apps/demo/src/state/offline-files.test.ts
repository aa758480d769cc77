import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { offlineFiles } from '../../build/offline-files.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'transprune-offline-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the built service worker knows of the page. */
async function builtWith(contents: { readonly kept: string; readonly used: string }) {
  const paths = { kept: join(folder, 'a.json'), used: join(folder, 'model.bin') };
  await writeFile(paths.kept, contents.kept);
  await writeFile(paths.used, contents.used);
  const plugin = offlineFiles({
    kept: { 'prepared/a.json': paths.kept },
    used: { 'model/model.bin': paths.used },
  });
  let source = '';
  const build = plugin.generateBundle as unknown as (
    this: { emitFile(file: { readonly source: string }): void },
    options: object,
    bundle: object,
  ) => Promise<void>;
  await build.call(
    {
      emitFile: (file) => {
        source = file.source;
      },
    },
    {},
    { 'index.html': {}, 'assets/page.js': {}, 'assets/runtime.wasm': {} },
  );
  const [, page = ''] = /^const page = (.*);$/m.exec(source) ?? [];
  return JSON.parse(page) as { readonly version: string; readonly files: readonly string[] };
}

test('the first visit keeps the page, not the model', async () => {
  const { files } = await builtWith({ kept: 'a', used: 'b' });
  expect(files).toEqual(['assets/page.js', 'index.html', 'prepared/a.json']);
});

test('another content of a copied file is another version, whatever its name and size', async () => {
  const { version } = await builtWith({ kept: 'a', used: 'b' });
  expect((await builtWith({ kept: 'a', used: 'b' })).version).toBe(version);
  expect((await builtWith({ kept: 'a', used: 'c' })).version).not.toBe(version);
  expect((await builtWith({ kept: 'c', used: 'b' })).version).not.toBe(version);
});
