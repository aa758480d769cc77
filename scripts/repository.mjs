// Writes into the manifests of the packages that are published where their sources are, which npm shows and holds the
// provenance against. The repository itself names no address, so that a fork publishes its own.
//
//   node scripts/repository.mjs https://github.com/owner/name [folder of the repository]

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [address, root = fileURLToPath(new URL('..', import.meta.url))] = process.argv.slice(2);
if (!address || !/^https:\/\/[^/]+\/[^/]+\/[^/]+$/.test(address)) {
  console.error(
    `expected the address of the repository, such as https://github.com/owner/name, got ${address ?? 'nothing'}`,
  );
  process.exit(1);
}

for (const group of ['packages', 'apps']) {
  for (const name of readdirSync(join(root, group))) {
    const directory = `${group}/${name}`;
    const path = join(root, directory, 'package.json');
    if (!existsSync(path)) continue;
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    if (manifest.private) continue;
    const sources = {
      repository: { type: 'git', url: `git+${address}.git`, directory },
      homepage: `${address}/tree/HEAD/${directory}#readme`,
      bugs: `${address}/issues`,
    };
    writeFileSync(path, `${JSON.stringify({ ...manifest, ...sources }, null, 2)}\n`);
  }
}
