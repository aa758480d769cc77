/** What the READMEs say of `npm install`, by npm itself. */
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { packedPackages } from '../testing/packed.js';
import { type Project, projectWith } from '../testing/project.js';
import { npm } from '../testing/registry.js';

const packed = packedPackages();

/** The tarballs that a README's line installs. */
function installedBy(readme: string): string[] {
  const [, block = ''] = /```sh\n(npm install [^`]*)```/.exec(readme) ?? [];
  return block.split(/[\s\\]+/).filter((word) => word.endsWith('.tgz'));
}

/** An empty project with tarballs copied into it. */
async function projectWithFiles(names: readonly string[]): Promise<Project> {
  const project = await projectWith([]);
  await project.write('package.json', '{ "private": true, "type": "module" }');
  const tarballs = packed.all.filter(({ tarball }) => names.includes(basename(tarball)));
  expect(tarballs.map(({ tarball }) => basename(tarball))).toEqual(names);
  for (const { tarball } of tarballs) {
    await cp(tarball, join(project.folder, basename(tarball)));
  }
  return project;
}

const readmeOf = async (name: string) => {
  const own = packed.all.find(({ manifest }) => manifest.name === name);
  return readFile(join(own?.folder ?? '', 'README.md'), 'utf8');
};

test('the line of @transprune/onnx, and its first program', async (context) => {
  const readme = await readmeOf('@transprune/onnx');
  const project = await projectWithFiles(installedBy(readme));
  await npm(context, project.folder, 'install', ...installedBy(readme));
  await project.write(
    'own.js',
    "import { readDecoder } from '@transprune/onnx'; console.log(typeof readDecoder);",
  );
  expect(await project.run('own.js')).toBe('function\n');
});

test('the lines of all packages: npm finds all that they need', async (context) => {
  for (const { manifest } of packed.all) {
    const readme = await readmeOf(manifest.name);
    const names = installedBy(readme);
    expect(names, manifest.name).toContain(
      `${manifest.name.replace('@', '').replace('/', '-')}.tgz`,
    );
    const project = await projectWithFiles(names);
    await npm(context, project.folder, 'install', '--package-lock-only', ...names);
    const lock = await readFile(join(project.folder, 'package-lock.json'), 'utf8');
    const paths = Object.keys(JSON.parse(lock).packages);
    const found = paths.filter((path) => /@transprune/.test(path));
    expect(found.length, manifest.name).toBe(names.length);
    // Its script fetches CUDA's libraries, and fails where there is no way to them.
    if (paths.includes('node_modules/onnxruntime-node')) {
      expect(readme, manifest.name).toContain('ONNXRUNTIME_NODE_INSTALL=skip');
    }
  }
});

test('a browser install without onnxruntime-node', async (context) => {
  const readme = await readmeOf('@transprune/backend-web');
  const names = installedBy(readme);
  const project = await projectWithFiles(names);
  const [, overrides = ''] = /```json\n(.*?)```/s.exec(readme) ?? [];
  await project.write('package.json', overrides);
  await project.write('nothing/package.json', '{ "name": "onnxruntime-node", "version": "0.0.0" }');
  await npm(context, project.folder, 'install', '--package-lock-only', ...names);
  const lock = JSON.parse(await readFile(join(project.folder, 'package-lock.json'), 'utf8'));
  expect(lock.packages['node_modules/onnxruntime-web']).toBeDefined();
  expect(lock.packages['node_modules/onnxruntime-node']).toMatchObject({ resolved: 'nothing' });
});
