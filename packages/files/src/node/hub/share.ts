/** One piece of work for all who ask for it at the same time. */
import { orAborted } from '../abort.js';

interface Shared<P> {
  readonly listeners: Set<(progress: P) => void>;
  readonly controller: AbortController;
  readonly outcome: Promise<unknown>;
  askers: number;
}

/** Who asks, and what they want to hear. */
export interface Asker<P> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/**
 * Joins the work that goes by a name, or starts it. It is ended when the last of those who asked leaves.
 *
 * @param running works of the same kind, by their names
 * @throws whatever the work throws, or the asker's own signal's reason
 */
export async function share<T, P>(
  running: Map<string, Shared<P>>,
  name: string,
  { signal, onProgress }: Asker<P>,
  start: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const shared = running.get(name) ?? begin(running, name, start);
  shared.askers++;
  if (onProgress) shared.listeners.add(onProgress);
  try {
    return (await orAborted(shared.outcome, signal)) as T;
  } finally {
    if (onProgress) shared.listeners.delete(onProgress);
    if (--shared.askers === 0) {
      // Nobody may join what is being ended.
      if (running.get(name) === shared) running.delete(name);
      shared.controller.abort(signal?.reason);
    }
  }
}

function begin<T, P>(
  running: Map<string, Shared<P>>,
  name: string,
  start: (signal: AbortSignal, report: (progress: P) => void) => Promise<T>,
): Shared<P> {
  const listeners = new Set<(progress: P) => void>();
  const controller = new AbortController();
  const outcome = start(controller.signal, (progress) => {
    for (const listener of listeners) listener(progress);
  });
  const shared: Shared<P> = { listeners, controller, outcome, askers: 0 };
  running.set(name, shared);
  const end = () => {
    if (running.get(name) === shared) running.delete(name);
  };
  outcome.then(end, end);
  return shared;
}

export type { Shared };
