/** The worker that computes, which can be started anew when it or its graphics card is lost. */
import { proxy, type Remote, releaseProxy, wrap } from 'comlink';
import type { DemoWorker } from '../worker/protocol.js';

interface Started {
  readonly worker: Worker;
  readonly remote: Remote<DemoWorker>;
  /** Rejects when the worker dies. */
  readonly death: Promise<never>;
}

let started: Started | undefined;

/** Calls the worker; fails too if it dies meanwhile. */
export async function withWorker<T>(use: (remote: Remote<DemoWorker>) => Promise<T>): Promise<T> {
  started ??= start();
  const { remote, death } = started;
  return Promise.race([use(remote), death]);
}

/** Ends the worker with all that it holds; the next call starts another one. */
export function endWorker(): void {
  started?.remote[releaseProxy]();
  started?.worker.terminate();
  started = undefined;
}

export { proxy as callback };

function start(): Started {
  const worker = new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' });
  const death = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      reject(new Error(event.message || 'the worker could not be started, or ran out of memory'));
    });
  });
  death.catch(() => {});
  return { worker, remote: wrap<DemoWorker>(worker), death };
}
