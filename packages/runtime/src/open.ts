import { TransPruneError } from '@transprune/core';
import type { Backend, ModelSource, Session } from './backend.js';

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
    throw new TransPruneError(
      'DEVICE_UNAVAILABLE',
      `device ${device} of backend ${backend.name} cannot be used: ${opened.unavailable}; choose another of ${backend.devices.join(', ')}, or auto`,
      { device, backend: backend.name, reason: opened.unavailable },
    );
  }
  return opened;
}
