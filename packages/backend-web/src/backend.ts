import { type Backend, decoderFault, type ModelSource, openByDevice } from '@transprune/session';
import { openOn, type SessionOptions, type WebDevice, webDevices } from './open.js';

export interface WebBackendOptions extends SessionOptions {
  /** Opens devices without trying them first, also those that compute wrongly. */
  readonly trustDevices?: boolean;
}

export interface WebBackend extends Backend {
  readonly devices: readonly WebDevice[];
}

/**
 * Sessions of onnxruntime-web, in a page or a worker. A model's path is its URL. WebGPU is opened or
 * refused with the reason: it must run a small decoder as WebAssembly does, which is tried once. A session
 * never moves to another device than it was asked for; `auto` takes the first that works.
 */
export function createWebBackend(options: WebBackendOptions = {}): WebBackend {
  let fault: Promise<string | undefined> | undefined;
  const openChecked = async (device: WebDevice, model: ModelSource) => {
    if (device === 'webgpu' && !options.trustDevices) {
      const openHere = (on: WebDevice) => (trial: ModelSource) => openOn(on, trial, options);
      fault ??= decoderFault(openHere('webgpu'), openHere('wasm'));
      const unavailable = await fault;
      if (unavailable !== undefined) return { unavailable };
    }
    return openOn(device, model, options);
  };
  return {
    name: 'web',
    devices: webDevices,
    open: (model, { device }) =>
      openByDevice(webDevices, device, (name) => openChecked(name, model)),
  };
}

/** The backend with its defaults. */
export const webBackend: WebBackend = createWebBackend();
