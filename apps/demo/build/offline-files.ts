/** A plugin that builds the service worker, which gets the list of the page's own files. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Plugin, transformWithOxc } from 'vite';

const source = fileURLToPath(new URL('../service-worker/service-worker.ts', import.meta.url));

/** Files that are copied beside the bundle: where each is, by its path below the page's folder. */
export type CopiedFiles = Readonly<Record<string, string>>;

/**
 * What the page shows without a model is kept at the first visit; model and runtime once they are used.
 * The names of copied files say nothing of their contents, so these are part of the version: a browser that
 * kept another model drops it.
 *
 * @param copied `kept` at the first visit, `used` with the model
 */
export function offlineFiles(copied: {
  readonly kept: CopiedFiles;
  readonly used: CopiedFiles;
}): Plugin {
  return {
    name: 'offline-files',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => !/\.(wasm|map)$/.test(name));
      const files = [...built, ...Object.keys(copied.kept)].sort();
      const hash = createHash('sha256').update(files.join());
      for (const path of Object.values({ ...copied.kept, ...copied.used }).sort()) {
        hash.update(await readFile(path));
      }
      const version = hash.digest('hex').slice(0, 12);
      const { code } = await transformWithOxc(await readFile(source, 'utf8'), source);
      this.emitFile({
        type: 'asset',
        fileName: 'service-worker.js',
        source: `const page = ${JSON.stringify({ version, files })};\n${code}`,
      });
    },
  };
}
