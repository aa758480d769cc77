import {
  type Backend,
  type ModelSource,
  openByDevice,
  type Session,
  type Unavailable,
} from '@transprune/session';
import { missingProvider, type NodeDevice, nodeDevices, pointlessByDefault } from './devices.js';
import { openOn, type SessionOptions } from './open.js';
import { deviceFault } from './probe.js';

export interface NodeBackendOptions extends SessionOptions {
  /** Opens devices without trying them first, also those that compute wrongly. */
  readonly trustDevices?: boolean;
}

export interface NodeBackend extends Backend {
  readonly devices: readonly NodeDevice[];
}

/**
 * Sessions of onnxruntime-node. A device is opened or refused with the reason: it must run a small
 * decoder as the CPU does, which is tried once. A session never moves to another device than it was
 * asked for; `auto` takes the first that works.
 */
export function createNodeBackend(options: NodeBackendOptions = {}): NodeBackend {
  return {
    name: 'node',
    devices: nodeDevices,
    open: (model, { device }) =>
      openByDevice(
        nodeDevices,
        device,
        (name) => openChecked(name, model, options),
        nodeDevices.filter((name) => !pointlessByDefault(name)),
      ),
  };
}

/** The backend with its defaults. */
export const nodeBackend: NodeBackend = createNodeBackend();

async function openChecked(
  device: NodeDevice,
  model: ModelSource,
  options: NodeBackendOptions,
): Promise<Session | Unavailable> {
  const trusted = device === 'cpu' || options.trustDevices === true;
  const fault = trusted ? missingProvider(device) : await deviceFault(device);
  return fault === undefined ? openOn(device, model, options) : { unavailable: fault };
}
