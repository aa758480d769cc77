import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { env, listSupportedBackends } from 'onnxruntime-node';

/**
 * Devices by the names of onnxruntime's execution providers, best first: CUDA has the fastest
 * kernels, WebGPU those for grouped-query attention on every vendor's GPU; DirectML and CoreML hand
 * what they lack back to the CPU, which decoders suffer from.
 */
export const nodeDevices = ['cuda', 'webgpu', 'dml', 'coreml', 'cpu'] as const;
export type NodeDevice = (typeof nodeDevices)[number];

/** Why a device can't work here at all; undefined if only an attempt can tell. */
export function missingProvider(device: NodeDevice): string | undefined {
  const providers = listSupportedBackends().map(({ name }) => name);
  if (!providers.includes(device)) {
    return `onnxruntime-node ${env.versions.node} for ${process.platform} ${process.arch} has no such execution provider, only ${providers.join(', ')}`;
  }
  if (device === 'cuda' && cudaLibraries().some((path) => !existsSync(path))) {
    return "onnxruntime's CUDA libraries are not installed; its install script downloads them (npm rebuild onnxruntime-node --foreground-scripts, with scripts allowed), and CUDA 12 and cuDNN 9 must be there";
  }
  return undefined;
}

/**
 * True where trying would only wake up a graphics stack without a graphics card, which prints
 * warnings. Asked by name, the device is still tried.
 */
export function pointlessByDefault(device: NodeDevice): boolean {
  if (device !== 'webgpu' || process.platform !== 'linux') return false;
  const signs = ['/dev/dri', '/dev/nvidia0', '/dev/dxg', '/dev/kgsl-3d0', '/dev/mali0'];
  const drivers = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES;
  return drivers === undefined && !signs.some((path) => existsSync(path));
}

/** What the install script adds to the binding on Linux; empty elsewhere. */
function cudaLibraries(): string[] {
  if (process.platform !== 'linux') return [];
  const root = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  return ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'].map((name) =>
    join(folder, name),
  );
}
