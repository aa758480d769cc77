// Packs every package that is published, as it would be, from what is built. Prints the paths of the tarballs.
//
//   node scripts/pack.mjs [folder]      writes transprune-core.tgz and the others; to tarballs/ if left out

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = resolve(process.argv[2] ?? join(root, 'tarballs'));
const pnpm = join(root, 'node_modules', '.bin', 'pnpm');

const published = ['packages', 'apps']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((path) => {
    const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    return manifest.private !== true;
  });

mkdirSync(folder, { recursive: true });
const pack = (cwd) =>
  promisify(execFile)(pnpm, ['pack', '--out', join(folder, '%s.tgz')], {
    cwd,
    shell: process.platform === 'win32',
  });
await Promise.all(published.map(pack));
for (const name of readdirSync(folder).sort()) console.log(join(folder, name));
