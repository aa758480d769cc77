/** A project outside the repository in which the packed packages are installed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { type Packed, readManifest, root } from './packed.js';

const execute = promisify(execFile);

/** What packages that are written today may be compiled with: TypeScript 5 or 7. */
export const compilers = ['typescript', 'typescript-native'] as const;
export type Compiler = (typeof compilers)[number];

export interface Project {
  readonly folder: string;
  write(path: string, text: string): Promise<void>;
  /** Runs a program in the project and answers what it prints; by another Node than this one if named. */
  run(path: string, parameters?: readonly string[], node?: string): Promise<string>;
  /** What a compiler has to say of the project: nothing, if it has no objection. */
  compile(compiler?: Compiler): Promise<string>;
}

/**
 * Makes a project with these packages installed; it is removed when the running test ends.
 *
 * @param others what the project itself takes of others, as the repository has it
 */
export async function projectWith(
  packages: readonly Packed[],
  others: readonly string[] = [],
): Promise<Project> {
  // The real path: Node resolves links, and a compiler takes a file under two names for two.
  const folder = await realpath(await temporaryFolder());
  const modules = join(folder, 'node_modules');
  const versions = new Map<string, string>();
  for (const own of packages) {
    await cp(own.folder, await placeFor(modules, own.manifest.name), { recursive: true });
  }
  for (const { manifest, source } of packages) {
    for (const [name, range] of Object.entries(manifest.dependencies ?? {})) {
      const other = packages.find((own) => own.manifest.name === name);
      if (other) requireRange(manifest.name, name, range, other.manifest.version);
      else await link(join(source, 'node_modules', name), name);
    }
  }
  for (const name of [...others, '@types/node']) await link(await installed(name), name);
  return {
    folder,
    async write(path, text) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    },
    async run(path, parameters = [], node = process.execPath) {
      const options = { cwd: folder, env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' } };
      return (await execute(node, [path, ...parameters], options)).stdout;
    },
    async compile(compiler = 'typescript-native') {
      const program = join(root, 'node_modules', compiler, 'bin/tsc');
      return execute(process.execPath, [program, '-p', '.'], { cwd: folder }).then(
        () => '',
        ({ stdout, message }) => String(stdout || message),
      );
    },
  };

  /** Where the repository has what none of these packages depends on. */
  async function installed(name: string): Promise<string> {
    const folders = [
      '',
      ...(await readdir(join(root, 'packages'))).map((own) => `packages/${own}`),
    ];
    const places = folders.map((folder) => join(root, folder, 'node_modules', name));
    const found = places.find((place) => existsSync(place));
    if (found === undefined) throw new Error(`${name} is not installed in the repository`);
    return found;
  }

  /** Links what others made from where the repository has it. */
  async function link(place: string, name: string): Promise<void> {
    const target = await realpath(place);
    const { version } = await readManifest(target);
    const known = versions.get(name);
    if (known !== undefined && known !== version) {
      throw new Error(`expected one version of ${name}, found ${known} and ${version}`);
    }
    versions.set(name, version);
    if (known === undefined) await symlink(target, await placeFor(modules, name), 'junction');
  }
}

async function placeFor(modules: string, name: string): Promise<string> {
  const place = join(modules, name);
  await mkdir(dirname(place), { recursive: true });
  return place;
}

/** Packages of the repository are wanted by `^`, which leaves the leading number that is not 0. */
function requireRange(by: string, name: string, range: string, version: string): void {
  const leading = (text: string) => text.replace(/^\^/, '').match(/^(0\.)*\d+/)?.[0];
  if (range.startsWith('^') && leading(range) === leading(version)) return;
  throw new Error(`${by} wants ${name} ${range}, which is ${version}`);
}
