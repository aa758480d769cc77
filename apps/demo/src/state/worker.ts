/** The worker that computes, which can be started anew when it or its graphics card is lost. */
import type { Remote } from 'comlink';
import type { DemoWorker } from '../worker/protocol.js';
import { type Callback, type ShortWorker, shortWorker } from './short-worker.js';

let started: ShortWorker<DemoWorker> | undefined;

/** Calls the worker; fails too if it dies or is ended meanwhile. */
export async function withWorker<T>(
  use: (remote: Remote<DemoWorker>, callback: Callback) => Promise<T>,
): Promise<T> {
  started ??= shortWorker(
    new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' }),
  );
  return started.call(use);
}

/** Ends the worker with all that it holds; the next call starts another one. */
export function endWorker(): void {
  started?.end();
  started = undefined;
}
