import { TransPruneError } from '@transprune/core';
import { decodeModel, externalLocations } from '@transprune/onnx';
import {
  checkLocation,
  fetchFile,
  type ModelSource,
  openOnnxRuntime,
  type Session,
  type Unavailable,
} from '@transprune/runtime';
import { env, InferenceSession } from 'onnxruntime-web/webgpu';
import { sharedGpu } from './gpu.js';

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
  const { bytes, externalData } = await contents(model);
  return openOnnxRuntime({
    model,
    device,
    servesAll: device === 'wasm',
    create: () =>
      InferenceSession.create(bytes, {
        executionProviders: [{ name: device, ...gpu }],
        logSeverityLevel: logSeverity,
        ...(externalData.length > 0 && { externalData }),
        // Caches stay there until the next step.
        ...(gpu && { preferredOutputLocation: 'gpu-buffer' as const }),
      }),
    check: () => checkWeights(externalData),
  });
}

/** The model's bytes, and its weights beside it: bytes too, or the URLs where onnxruntime gets them. */
async function contents(model: ModelSource) {
  if ('path' in model) {
    const url = new URL(model.path, globalThis.location.href);
    const response = await fetchFile(url.href);
    if (!response) throw notFound(`expected a model at ${url}, found none`, [url.href]);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const data = (path: string) => new URL(checkLocation(path), url).href;
    return {
      bytes,
      externalData: externalLocations(decodeModel(bytes)).map((path) => ({
        path,
        data: data(path),
      })),
    };
  }
  const { bytes, externalData = {} } = model;
  const missing = externalLocations(decodeModel(bytes)).filter((path) => !externalData[path]);
  if (missing.length > 0) {
    const files = missing.join(', ');
    throw notFound(`the model's weights are missing: ${files}; pass them as externalData`, missing);
  }
  return {
    bytes,
    externalData: Object.entries(externalData).map(([path, data]) => ({ path, data })),
  };
}

/** @throws TransPruneError NOT_FOUND for weights that their server does not give out */
async function checkWeights(externalData: readonly { data: string | Uint8Array }[]): Promise<void> {
  for (const { data } of externalData) {
    if (typeof data !== 'string') continue;
    const response = await fetch(data, { method: 'HEAD' }).catch(() => undefined);
    if (!response?.ok) throw notFound(`the model's weights are missing: ${data}`, [data]);
  }
}

function notFound(message: string, files: readonly string[]): TransPruneError {
  return new TransPruneError('NOT_FOUND', message, { files });
}
