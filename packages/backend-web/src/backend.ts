import { type Backend, decoderFault, type ModelSource, openByDevice } from '@transprune/session';
import { gpuIsLost } from './gpu.js';
import { openOn, type SessionOptions, type WebDevice, webDevices } from './open.js';

export interface WebBackendOptions extends SessionOptions {
  /** Opens devices without trying them first, also those that compute wrongly. */
  readonly trustDevices?: boolean;
}

export interface WebBackend extends Backend {
  readonly devices: readonly WebDevice[];
  /**
   * Whether the graphics card was lost on which the last session was opened, as its driver or the browser may do at any
   * time: what was opened on it fails from then on. The browser tells it a little later than calls fail.
   */
  gpuIsLost(): boolean;
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
    gpuIsLost,
    open: (model, { device }) =>
      openByDevice(webDevices, device, (name) => openChecked(name, model)),
  };
}

/** The backend with its defaults. */
export const webBackend: WebBackend = createWebBackend();
