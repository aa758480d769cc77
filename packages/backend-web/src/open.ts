import {
  type ModelSource,
  openOnnxRuntime,
  type Session,
  type Unavailable,
} from '@transprune/session';
import { env, InferenceSession } from 'onnxruntime-web/webgpu';
import { sharedGpu, watchGpu } from './gpu.js';

/** Devices by the names of onnxruntime's execution providers, best first. */
export const webDevices = ['webgpu', 'wasm'] as const;
export type WebDevice = (typeof webDevices)[number];

export interface SessionOptions {
  /** Threads of WebAssembly; more than one needs a page that is isolated from other origins. */
  readonly threads?: number;
  /** What onnxruntime may print, from 0 (everything) to 4 (the fatal only); 4 if left out. */
  readonly logSeverity?: 0 | 1 | 2 | 3 | 4;
  /** Where onnxruntime's WebAssembly files are, if not beside its script: the URL of their folder. */
  readonly wasmFolder?: string;
}

/**
 * Opens a graph on one device and no other.
 *
 * @throws TransPruneError if the model itself is at fault
 */
export async function openOn(
  device: WebDevice,
  model: ModelSource,
  { threads, logSeverity = 4, wasmFolder }: SessionOptions,
): Promise<Session | Unavailable> {
  const gpu = device === 'webgpu' ? await sharedGpu() : undefined;
  if (gpu && 'unavailable' in gpu) return gpu;
  // Read when the first session is made.
  if (threads !== undefined) env.wasm.numThreads = threads;
  if (wasmFolder !== undefined) env.wasm.wasmPaths = wasmFolder;
  const externalData = externalFiles(model);
  const opened = await openOnnxRuntime({
    model,
    device,
    servesAll: device === 'wasm',
    create: () => {
      const sessionOptions: InferenceSession.SessionOptions = {
        executionProviders: [{ name: device, ...gpu }],
        logSeverityLevel: logSeverity,
        ...(externalData.length > 0 && { externalData }),
        // Caches stay there until the next step.
        ...(gpu && { preferredOutputLocation: 'gpu-buffer' as const }),
      };
      return 'path' in model
        ? InferenceSession.create(model.path, sessionOptions)
        : InferenceSession.create(model.bytes, sessionOptions);
    },
  });
  if (gpu && !('unavailable' in opened)) {
    // onnxruntime tells which one it made itself.
    const used: GPUDevice | undefined = gpu.device ?? (await env.webgpu.device);
    if (used) watchGpu(used);
  }
  return opened;
}

/** A model's weights beside it: their bytes, or the URLs where onnxruntime gets them. */
function externalFiles(model: ModelSource): { path: string; data: string | Uint8Array }[] {
  if ('bytes' in model) {
    return Object.entries(model.externalData ?? {}).map(([path, data]) => ({ path, data }));
  }
  const url = new URL(model.path, globalThis.location.href);
  return (model.externalFiles ?? []).map((path) => ({ path, data: new URL(path, url).href }));
}
