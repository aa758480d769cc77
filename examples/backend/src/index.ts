/** WebAssembly in Node, by onnxruntime-web: a backend for machines that onnxruntime-node has no binary for. */
import { readFile } from 'node:fs/promises';
import { type Backend, type ModelSource, openByDevice, openOnnxRuntime } from '@transprune/session';
import { env, InferenceSession } from 'onnxruntime-web';

const devices = ['wasm'] as const;

export const wasmBackend: Backend = {
  name: 'wasm-in-node',
  devices,
  open: (model, { device }) =>
    openByDevice(devices, device, (name) =>
      openOnnxRuntime({
        model,
        device: name,
        servesAll: true,
        async create() {
          env.wasm.numThreads = 1;
          const { bytes, externalData } = await contentsOf(model);
          return InferenceSession.create(bytes, { executionProviders: ['wasm'], externalData });
        },
      }),
    ),
};

/** A model's bytes, and those of its external files, which WebAssembly cannot read from a disk. */
async function contentsOf(model: ModelSource) {
  if ('bytes' in model) {
    const files = Object.entries(model.externalData ?? {});
    return { bytes: model.bytes, externalData: files.map(([path, data]) => ({ path, data })) };
  }
  const beside = (name: string) => new URL(name, new URL(model.path, 'file:'));
  const externalData = (model.externalFiles ?? []).map(async (path) => ({
    path,
    data: new Uint8Array(await readFile(beside(path))),
  }));
  return {
    bytes: new Uint8Array(await readFile(model.path)),
    externalData: await Promise.all(externalData),
  };
}
