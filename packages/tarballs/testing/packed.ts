/** The packages as they would be published. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';

const execute = promisify(execFile);

/** The repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What these tests read of a `package.json`. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly keywords?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** A tarball, unpacked. */
export interface Packed {
  readonly manifest: Manifest;
  /** The tarball. */
  readonly tarball: string;
  /** Its contents. */
  readonly folder: string;
  /** The package in the repository. */
  readonly source: string;
}

/** Packs and unpacks every package once for a file of tests. */
export function packedPackages(): { readonly all: readonly Packed[] } {
  const packed: { all: Packed[] } = { all: [] };
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'transprune-tarballs-'));
    packed.all = await packAll(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return packed;
}

async function packAll(folder: string): Promise<Packed[]> {
  const tarballs = join(folder, 'tarballs');
  await execute(process.execPath, [join(root, 'scripts/pack.mjs'), tarballs]);
  const sources = await sourcesByName();
  return Promise.all(
    (await readdir(tarballs)).sort().map(async (file) => {
      const tarball = join(tarballs, file);
      const contents = join(folder, 'contents', basename(file, '.tgz'));
      await mkdir(contents, { recursive: true });
      await execute('tar', ['-xzf', tarball, '-C', contents, '--strip-components=1']);
      const manifest = await readManifest(contents);
      const source = sources.get(manifest.name);
      if (source === undefined) throw new Error(`${manifest.name} is no package of the repository`);
      return { manifest, tarball, folder: contents, source };
    }),
  );
}

async function sourcesByName(): Promise<Map<string, string>> {
  const groups = await Promise.all(
    ['packages', 'apps'].map(async (group) =>
      (await readdir(join(root, group))).map((name) => join(root, group, name)),
    ),
  );
  const named = groups
    .flat()
    .map(async (folder) => [(await readManifest(folder)).name, folder] as const);
  return new Map(await Promise.all(named));
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
}

/** What is imported: `@transprune/onnx`, `@transprune/onnx/extend`. */
export function entryPoints({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports).map((path) => path.replace(/^\./, name));
}
