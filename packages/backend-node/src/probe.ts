import { decoderFault, type ModelSource } from '@transprune/session';
import { env } from 'onnxruntime-node';
import { missingProvider, type NodeDevice, nodeDevices } from './devices.js';
import { openOn } from './open.js';

/** Whether a device works here. */
export interface DeviceProbe {
  readonly device: NodeDevice;
  readonly ok: boolean;
  /** Why it can't be used. */
  readonly reason?: string;
}

const known = new Map<NodeDevice, Promise<string | undefined>>();

/** Runs a tiny decoder on every device, best first, and says which work. */
export async function probeDevices(): Promise<DeviceProbe[]> {
  const probes: DeviceProbe[] = [];
  for (const device of nodeDevices) {
    const reason = await deviceFault(device);
    probes.push(reason === undefined ? { device, ok: true } : { device, ok: false, reason });
  }
  return probes;
}

/** Why a device can't be trusted with a decoder; undefined if it can. Looked up once. */
export function deviceFault(device: NodeDevice): Promise<string | undefined> {
  const found = known.get(device) ?? findFault(device);
  known.set(device, found);
  return found;
}

async function findFault(device: NodeDevice): Promise<string | undefined> {
  const missing = missingProvider(device);
  if (missing !== undefined) return missing;
  const openOnDevice = (on: NodeDevice) => (model: ModelSource) => openOn(on, model, {});
  return decoderFault(openOnDevice(device), device === 'cpu' ? undefined : openOnDevice('cpu'));
}

/** Versions of what the backend stands on. */
export interface Versions {
  readonly node: string;
  readonly onnxruntime: string;
  readonly platform: string;
}

/** What to name in a report about this backend. */
export function versions(): Versions {
  return {
    node: process.versions.node,
    onnxruntime: env.versions.node ?? env.versions.common,
    platform: `${process.platform} ${process.arch}`,
  };
}
