import type { Unavailable } from '@transprune/session';

/**
 * Fewest lanes of a subgroup that onnxruntime 1.30's attention computes rightly with, for prompts of 32
 * tokens and more. A device without subgroups takes other kernels, which are right.
 */
const fewestLanes = 8;

/** What onnxruntime asks of a device beyond the defaults, where the adapter has more. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** Options of onnxruntime's provider; without a device it makes its own. */
export interface Gpu {
  readonly device?: GPUDevice;
}

let known: Promise<Gpu | Unavailable> | undefined;

/** The device that sessions share, looked up once; again after it was lost. */
export function sharedGpu(): Promise<Gpu | Unavailable> {
  known ??= chooseGpu(globalThis.navigator.gpu).then((gpu) => {
    if ('device' in gpu) {
      gpu.device?.lost.then(() => {
        known = undefined;
      });
    }
    return gpu;
  });
  return known;
}

let latest: { readonly device: GPUDevice; isLost: boolean } | undefined;

/** Keeps an eye on the device that a session was opened on. */
export function watchGpu(device: GPUDevice): void {
  if (latest?.device === device) return;
  const watched = { device, isLost: false };
  latest = watched;
  device.lost.then(() => {
    watched.isLost = true;
  });
}

/** True if the device that the last session on a graphics card was opened on was lost since. */
export const gpuIsLost = (): boolean => latest?.isLost === true;

/** Looks for a device on which attention comes out right. */
export async function chooseGpu(gpu: GPU | undefined): Promise<Gpu | Unavailable> {
  if (!gpu) {
    return {
      unavailable: globalThis.isSecureContext
        ? 'this browser has no WebGPU'
        : 'WebGPU is for secure contexts only; serve the page over https or from localhost',
    };
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return { unavailable: 'this browser has WebGPU, but no graphics card for it' };
  const { subgroupMinSize = fewestLanes } = adapter.info;
  if (!adapter.features.has('subgroups') || subgroupMinSize >= fewestLanes) return {};
  return {
    device: await adapter.requestDevice({
      requiredFeatures: adapter.features.has('shader-f16') ? ['shader-f16'] : [],
      requiredLimits: Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]])),
    }),
  };
}
