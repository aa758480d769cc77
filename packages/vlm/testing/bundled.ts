/** Programs for threads and processes of their own, put together from the sources. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Options } from 'tsup';
import { onTestFinished } from 'vitest';

const here = fileURLToPath(new URL('.', import.meta.url));
const backend = createRequire(new URL('../../backend-node/package.json', import.meta.url));

/** The runtime belongs to another package, so that a program here would not find it by its name. */
const runtime: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'runtime',
  setup({ onResolve }) {
    onResolve({ filter: /^onnxruntime-node$/ }, ({ path }) => ({
      path: pathToFileURL(backend.resolve(path)).href,
      external: true,
    }));
  },
};

/**
 * A program in one file, for the running test.
 *
 * @param name of a file in this folder, without its ending
 * @returns its path
 */
export async function bundled(name: string): Promise<string> {
  // Within the package, for the libraries that it imports.
  const outDir = join(here, '..', 'node_modules', '.cache', randomUUID());
  onTestFinished(() => rm(outDir, { recursive: true, force: true }));
  await build({
    entry: { [name]: join(here, `${name}.ts`) },
    outDir,
    config: false,
    format: 'esm',
    target: 'node20',
    silent: true,
    clean: false,
    noExternal: [/^@transprune/, /^@bufbuild/, /^onnxruntime-common/],
    external: ['@huggingface/transformers'],
    esbuildPlugins: [runtime],
    esbuildOptions(options) {
      options.conditions = ['@transprune/source'];
    },
    outExtension: () => ({ js: '.mjs' }),
  });
  return join(outDir, `${name}.mjs`);
}
