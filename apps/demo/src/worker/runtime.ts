/** onnxruntime-web as the page's folder has it. */
import { createWebBackend, type WebBackend } from '@transprune/backend-web';
import { env } from 'onnxruntime-web/webgpu';
import { downloads } from '../downloads.js';
import { download } from './download.js';

const mostThreads = 4;

export interface Runtime {
  readonly backend: WebBackend;
  readonly threads: number;
}

/**
 * Fetches the runtime. It can be opened once in a worker.
 *
 * @param page where the page's folder is
 * @param onBytes is called with the bytes of each piece that came
 * @throws TransPruneError DOWNLOAD_FAILED that names the file
 */
export async function fetchRuntime(page: URL, onBytes: (bytes: number) => void): Promise<Runtime> {
  const folder = new URL('runtime/', page);
  const files = await download(folder, downloads.runtime, onBytes);
  const wasm = [...files].find(([path]) => path.endsWith('.wasm'))?.[1];
  if (wasm) env.wasm.wasmBinary = wasm.buffer;
  const threads = crossOriginIsolated
    ? Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency))
    : 1;
  return { backend: createWebBackend({ wasmFolder: folder.href, threads }), threads };
}
