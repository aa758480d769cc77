import { TransPruneError } from '@transprune/core';
import type { Backend, ModelSource, Session, Unavailable } from './backend.js';

/**
 * Opens a graph, or throws why not.
 *
 * @param device one of the backend's devices, or `auto` for the best that works
 * @throws TransPruneError DEVICE_UNAVAILABLE with the backend's reason, or what the model is at fault of
 */
export async function openSession(
  backend: Backend,
  model: ModelSource,
  device = 'auto',
): Promise<Session> {
  const opened = await backend.open(model, { device });
  if ('unavailable' in opened) {
    const others = [...backend.devices, 'auto'].filter((name) => name !== device);
    throw new TransPruneError(
      'DEVICE_UNAVAILABLE',
      `device ${device} of backend ${backend.name} cannot be used: ${opened.unavailable}; choose another of ${others.join(', ')}`,
      { device, backend: backend.name, reason: opened.unavailable },
    );
  }
  return opened;
}

/**
 * What a backend's `open` does with the name of a device: opens on that one, or for `auto` on the first that
 * works.
 *
 * @param devices those that the backend knows, best first
 * @param automatic those that `auto` tries; all of them if left out
 * @throws TransPruneError INVALID_ARGUMENT for another name, and what `open` throws
 */
export async function openByDevice<Device extends string>(
  devices: readonly Device[],
  device: string,
  open: (device: Device) => Promise<Session | Unavailable>,
  automatic: readonly Device[] = devices,
): Promise<Session | Unavailable> {
  if (device !== 'auto') {
    const known = devices.find((name) => name === device);
    if (known !== undefined) return open(known);
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a device of ${devices.join(', ')} or auto, got ${device}`,
      { device },
    );
  }
  const reasons: string[] = [];
  for (const name of automatic) {
    const opened = await open(name);
    if (!('unavailable' in opened)) return opened;
    reasons.push(`${name}: ${opened.unavailable}`);
  }
  return { unavailable: reasons.join('; ') };
}
