/** Programs for threads and processes of their own, put together from the sources. */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Options } from 'tsup';

const backend = createRequire(new URL('../../backend-node/package.json', import.meta.url));

/** The runtime belongs to another package, so that a program would not find it by its name. */
const runtime: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'runtime',
  setup({ onResolve }) {
    onResolve({ filter: /^onnxruntime-node$/ }, ({ path }) => ({
      path: pathToFileURL(backend.resolve(path)).href,
      external: true,
    }));
  },
};

/** A program in one file. */
export interface Bundled {
  readonly path: string;
  remove(): Promise<void>;
}

/** Libraries that a package names, which its program finds by their names. */
async function librariesOf(home: URL): Promise<string[]> {
  const manifest = JSON.parse(await readFile(new URL('package.json', home), 'utf8'));
  return Object.keys(manifest.dependencies ?? {}).filter(
    (name) => !name.startsWith('@transprune/'),
  );
}

/**
 * Puts a program together.
 *
 * @param entry the URL of its source
 * @param home a package's folder, whose libraries the program finds
 */
export async function bundled(entry: URL, home: URL): Promise<Bundled> {
  const outDir = join(fileURLToPath(home), 'node_modules', '.cache', randomUUID());
  const name = basename(entry.pathname, '.ts');
  await build({
    entry: { [name]: fileURLToPath(entry) },
    outDir,
    config: false,
    format: 'esm',
    target: 'node20',
    silent: true,
    clean: false,
    noExternal: [/^@transprune/, /^@bufbuild/, /^onnxruntime-common/],
    external: ['@huggingface/transformers', ...(await librariesOf(home))],
    esbuildPlugins: [runtime],
    esbuildOptions(options) {
      options.conditions = ['@transprune/source'];
    },
    outExtension: () => ({ js: '.mjs' }),
  });
  return {
    path: join(outDir, `${name}.mjs`),
    remove: () => rm(outDir, { recursive: true, force: true }),
  };
}
