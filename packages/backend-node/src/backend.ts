import { TransPruneError } from '@transprune/core';
import type { Backend, ModelSource, Session, Unavailable } from '@transprune/runtime';
import {
  isNodeDevice,
  missingProvider,
  type NodeDevice,
  nodeDevices,
  pointlessByDefault,
} from './devices.js';
import { checkModelFile } from './model-file.js';
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
    async open(model, { device }) {
      if (device !== 'auto' && !isNodeDevice(device)) {
        throw new TransPruneError(
          'INVALID_ARGUMENT',
          `expected a device of ${nodeDevices.join(', ')} or auto, got ${device}`,
          { device },
        );
      }
      if ('path' in model) await checkModelFile(model.path);
      return device === 'auto' ? openBest(model, options) : openChecked(device, model, options);
    },
  };
}

/** The backend with its defaults. */
export const nodeBackend: NodeBackend = createNodeBackend();

async function openBest(
  model: ModelSource,
  options: NodeBackendOptions,
): Promise<Session | Unavailable> {
  const reasons: string[] = [];
  for (const device of nodeDevices) {
    if (pointlessByDefault(device)) continue;
    const opened = await openChecked(device, model, options);
    if (!('unavailable' in opened)) return opened;
    reasons.push(`${device}: ${opened.unavailable}`);
  }
  return { unavailable: reasons.join('; ') };
}

async function openChecked(
  device: NodeDevice,
  model: ModelSource,
  options: NodeBackendOptions,
): Promise<Session | Unavailable> {
  const trusted = device === 'cpu' || options.trustDevices === true;
  const fault = trusted ? missingProvider(device) : await deviceFault(device);
  return fault === undefined ? openOn(device, model, options) : { unavailable: fault };
}
