/** A plugin that builds the service worker, which gets the list of the page's own files. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Plugin, transformWithOxc } from 'vite';

const source = fileURLToPath(new URL('../service-worker/service-worker.ts', import.meta.url));

/**
 * What the page shows without a model is kept at the first visit; model and runtime once they are used.
 *
 * @param others files that are copied beside the bundle, below the page's folder
 */
export function offlineFiles(others: readonly string[]): Plugin {
  return {
    name: 'offline-files',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => !/\.(wasm|map)$/.test(name));
      const files = [...built, ...others];
      const version = createHash('sha256').update(files.sort().join()).digest('hex').slice(0, 12);
      const { code } = await transformWithOxc(await readFile(source, 'utf8'), source);
      this.emitFile({
        type: 'asset',
        fileName: 'service-worker.js',
        source: `const page = ${JSON.stringify({ version, files })};\n${code}`,
      });
    },
  };
}
