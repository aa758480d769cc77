import { expect, test, vi } from 'vitest';
import { chooseGpu, gpuIsLost, watchGpu } from './gpu.js';

/** What of an adapter decides on its device. */
function gpuWith(features: readonly string[], subgroupMinSize?: number) {
  const requestDevice = vi.fn(async () => ({}) as GPUDevice);
  const adapter = {
    features: new Set(features),
    info: { subgroupMinSize },
    limits: { maxBufferSize: 2 ** 30 },
    requestDevice,
  };
  const gpu = { requestAdapter: async () => adapter } as unknown as GPU;
  return { gpu, requestDevice };
}

test('onnxruntime makes its own device where subgroups are none or large enough', async () => {
  for (const { gpu, requestDevice } of [gpuWith(['subgroups'], 8), gpuWith([])]) {
    expect(await chooseGpu(gpu)).toEqual({});
    expect(requestDevice).not.toHaveBeenCalled();
  }
});

test('small subgroups are left out, half precision and limits are kept', async () => {
  const { gpu, requestDevice } = gpuWith(['subgroups', 'shader-f16', 'timestamp-query'], 4);
  expect(await chooseGpu(gpu)).toHaveProperty('device', {});
  expect(requestDevice).toHaveBeenCalledWith({
    requiredFeatures: ['shader-f16'],
    requiredLimits: expect.objectContaining({ maxBufferSize: 2 ** 30 }),
  });
});

test('a device is lost when it says so, and the next one is not', async () => {
  const device = () => {
    let lose = () => {};
    const lost = new Promise<void>((resolve) => {
      lose = resolve;
    });
    return { device: { lost } as unknown as GPUDevice, lose: () => lose() };
  };
  const [first, second] = [device(), device()];
  expect(gpuIsLost()).toBe(false);
  watchGpu(first.device);
  watchGpu(first.device);
  expect(gpuIsLost()).toBe(false);
  first.lose();
  await vi.waitFor(() => expect(gpuIsLost()).toBe(true));
  watchGpu(second.device);
  expect(gpuIsLost()).toBe(false);
});

test('no WebGPU and no adapter have their reasons', async () => {
  vi.stubGlobal('isSecureContext', true);
  expect(await chooseGpu(undefined)).toEqual({ unavailable: 'this browser has no WebGPU' });
  vi.stubGlobal('isSecureContext', false);
  expect(await chooseGpu(undefined)).toEqual({
    unavailable: expect.stringMatching(/secure contexts/),
  });
  const noAdapter = { requestAdapter: async () => null } as unknown as GPU;
  expect(await chooseGpu(noAdapter)).toEqual({
    unavailable: expect.stringMatching(/graphics card/),
  });
  vi.unstubAllGlobals();
});
