/** Either end of a channel that structured clones pass through. */

/**
 * A `MessagePort` or a worker, of a browser or of Node. Of the two ways to listen a port has at least one.
 */
export interface EnginePort {
  postMessage(message: unknown): void;
  addEventListener?(type: string, listener: (event: unknown) => void): void;
  removeEventListener?(type: string, listener: (event: unknown) => void): void;
  on?(type: string, listener: (message: unknown) => void): unknown;
  off?(type: string, listener: (message: unknown) => void): unknown;
  start?(): void;
  /** Lets the process end although the port is listened to. */
  unref?(): void;
}

/**
 * Listens to a port.
 *
 * @param onClose is called when the other end is gone, where the port tells
 * @returns stops listening
 */
export function listen(
  port: EnginePort,
  onMessage: (message: unknown) => void,
  onClose: () => void,
): () => void {
  if (port.on && port.off) {
    port.on('message', onMessage);
    for (const type of ['close', 'exit']) port.on(type, onClose);
    return () => {
      port.off?.('message', onMessage);
      for (const type of ['close', 'exit']) port.off?.(type, onClose);
    };
  }
  const onEvent = (event: unknown) => onMessage((event as { readonly data?: unknown }).data);
  port.addEventListener?.('message', onEvent);
  port.addEventListener?.('close', onClose);
  port.start?.();
  return () => {
    port.removeEventListener?.('message', onEvent);
    port.removeEventListener?.('close', onClose);
  };
}
