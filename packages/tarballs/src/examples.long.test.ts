/** Packages of `examples/`: copied out of the repository, compiled strictly, packed, and run against the tarballs. */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedPackages, readManifest, root } from '../testing/packed.js';
import { projectWith } from '../testing/project.js';

const packed = packedPackages();
const folder = join(root, 'examples');
const readme = await readFile(join(folder, 'README.md'), 'utf8');
const entries = await readdir(folder, { withFileTypes: true });
const examples = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);

test.each(examples)('%s', async (name) => {
  const { dependencies = {}, devDependencies = {} } = await readManifest(join(folder, name));
  const wanted = { ...dependencies, ...devDependencies };
  const others = Object.keys(dependencies).filter((one) => !one.startsWith('@transprune/'));
  const packages = packed.all.filter(({ manifest }) => within(manifest.name));
  const project = await projectWith(packages, others);
  await cp(join(folder, name), project.folder, { recursive: true });
  expect(await project.compile()).toBe('');
  const [, output] = new RegExp(`## ${name}\\n.*?\`\`\`text\\n(.*?)\`\`\``, 's').exec(readme) ?? [];
  expect(await project.run('dist/demo.js')).toBe(output);

  /** Whether the example depends on a package, itself or through another. */
  function within(one: string, from: Readonly<Record<string, string>> = wanted): boolean {
    return Object.keys(from).some((dependency) => {
      const own = packed.all.find(({ manifest }) => manifest.name === dependency);
      return dependency === one || (own && within(one, own.manifest.dependencies ?? {}));
    });
  }
});
