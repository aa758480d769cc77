/** The page, built and served as Vite does it, with models and the runtime's files on the same server. */
import { createReadStream, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hubFolder } from '@transprune/fixtures';
import { build, defaultClientConditions, type Plugin, preview } from 'vite';

export interface Site {
  /** Ends with a slash. */
  readonly address: string;
  /** Paths of all modules that are in the page. */
  readonly modules: readonly string[];
  close(): Promise<void>;
}

const library = createRequire(createRequire(import.meta.url).resolve('@huggingface/transformers'));

/** Folders that the server has besides the page. */
const folders: Readonly<Record<string, string>> = {
  models: dirname(hubFolder('llava')),
  runtime: dirname(library.resolve('onnxruntime-web')),
};

const contentTypes: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Gives out those folders; what is not there falls back to the page, as anything else does. */
const files: Plugin = {
  name: 'files',
  configurePreviewServer({ middlewares }) {
    middlewares.use((request, response, next) => {
      const [, folder = '', ...rest] = new URL(request.url ?? '/', 'http://page').pathname.split(
        '/',
      );
      const path = join(folders[folder] ?? '/', ...rest.map(decodeURIComponent));
      const found = folder in folders ? statSync(path, { throwIfNoEntry: false }) : undefined;
      if (!found?.isFile()) return next();
      response.setHeader('content-length', found.size);
      response.setHeader('content-type', contentTypes[extname(path)] ?? 'application/octet-stream');
      createReadStream(path).pipe(response);
    });
  },
};

/** Builds the page and serves it with the default settings: a missing file is answered with the page. */
export async function openSite(): Promise<Site> {
  const outDir = await mkdtemp(join(tmpdir(), 'transprune-'));
  const modules: string[] = [];
  const listing: Plugin = {
    name: 'listing',
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === 'chunk') modules.push(...chunk.moduleIds);
      }
    },
  };
  const shared = {
    root: fileURLToPath(new URL('page', import.meta.url)),
    configFile: false,
    logLevel: 'error',
    build: { outDir, target: 'es2022' },
  } as const;
  await build({
    ...shared,
    resolve: { conditions: ['@transprune/source', ...defaultClientConditions] },
    plugins: [listing],
  });
  const { httpServer, close } = await preview({
    ...shared,
    preview: { port: 0, host: '127.0.0.1' },
    plugins: [files],
  });
  const { port } = httpServer.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}/`,
    modules,
    async close() {
      await close();
      await rm(outDir, { recursive: true, force: true });
    },
  };
}
