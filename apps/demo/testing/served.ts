/** The page as it is built, on a server of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';

export interface ServedPage {
  /** Ends with a slash. */
  readonly url: string;
  /** The folder that it was built into. */
  readonly folder: string;
  close(): Promise<void>;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Builds the page into an empty folder and serves it.
 *
 * @param mode `small-model` for a page whose model answers several times as fast
 */
export async function servePage(
  mode: 'production' | 'small-model' = 'production',
): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), 'transprune-demo-'));
  const options = {
    root,
    mode,
    logLevel: 'warn',
    build: { outDir: folder, emptyOutDir: true },
  } as const;
  await build(options);
  const server = await preview({ ...options, preview: { port: 0, host: '127.0.0.1' } });
  const address = server.httpServer.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/`,
    folder,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
