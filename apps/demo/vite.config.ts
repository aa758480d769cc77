import { readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { viteStaticCopy } from 'vite-plugin-static-copy';
import { offlineFiles } from './build/offline-files.js';
import { modelFiles } from './src/prepared/model-files.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const runtime = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

/** onnxruntime's WebAssembly with WebGPU; the script is also that of its threads. */
const runtimeFiles = [
  'ort-wasm-simd-threaded.asyncify.wasm',
  'ort-wasm-simd-threaded.asyncify.mjs',
];

const sizes = (folder: string, files: readonly string[]) =>
  Object.fromEntries(files.map((file) => [file, statSync(join(folder, file)).size]));

const filesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)));

/** Where each file of a folder is, by its path below the page's. */
const copiedFrom = (folder: string, files: readonly string[], to = '') =>
  Object.fromEntries(files.map((file) => [`${to}${file}`, join(folder, file)]));

/** With these a page may use threads of WebAssembly. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** In the mode `small-model` the page has a model for tests, in place of the embedded one. */
export default defineConfig(({ mode }) => {
  const modelPackage = join(
    here,
    '../../packages',
    mode === 'small-model' ? 'small-model' : 'embedded-model',
  );
  const publicFolder = join(here, 'public');
  const samplesFolder = join(modelPackage, 'samples');
  const samples = readdirSync(samplesFolder).filter((name) => /\.png$/.test(name));
  return {
    // Any folder of any static host.
    base: './',
    resolve: {
      alias: [{ find: /^(\.\.\/)+packages\/embedded-model/, replacement: modelPackage }],
      conditions: [
        '@transprune/source',
        'onnxruntime-web-use-extern-wasm',
        'module',
        'browser',
        'development|production',
      ],
      // transformers.js brings a copy of its own.
      dedupe: ['onnxruntime-web', 'onnxruntime-common'],
    },
    define: {
      __DOWNLOADS__: {
        model: sizes(join(modelPackage, 'model'), modelFiles),
        runtime: sizes(runtime, runtimeFiles),
      },
    },
    plugins: [
      viteStaticCopy({
        targets: [
          ...modelFiles.map((file) => ({
            src: join(modelPackage, 'model', file),
            dest: join('model', dirname(file)),
            rename: { stripBase: true as const },
          })),
          {
            src: join(modelPackage, 'samples/*.png'),
            dest: 'samples',
            rename: { stripBase: true as const },
          },
          ...runtimeFiles.map((file) => ({
            src: join(runtime, file),
            dest: 'runtime',
            rename: { stripBase: true as const },
          })),
        ],
      }),
      offlineFiles({
        kept: {
          ...copiedFrom(publicFolder, filesBelow(publicFolder)),
          ...copiedFrom(samplesFolder, samples, 'samples/'),
        },
        used: {
          ...copiedFrom(join(modelPackage, 'model'), modelFiles, 'model/'),
          ...copiedFrom(runtime, runtimeFiles, 'runtime/'),
        },
      }),
    ],
    worker: { format: 'es' },
    build: { target: 'es2023', chunkSizeWarningLimit: 2000 },
    server: { headers: isolation },
    preview: { headers: isolation },
  };
});
