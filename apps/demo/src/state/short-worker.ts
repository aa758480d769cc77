/** Workers that can be ended at any time, to give their memory back. */
import { proxy, type Remote, wrap } from 'comlink';

/** Makes a function of the page one that a worker can call, for as long as the worker is not ended. */
export type Callback = <P extends unknown[]>(
  call: (...parameters: P) => void,
) => (...parameters: P) => void;

export interface ShortWorker<T> {
  /** Calls it; fails too if it dies or is ended meanwhile. What it had sent by then is not heard. */
  call<Result>(use: (remote: Remote<T>, callback: Callback) => Promise<Result>): Promise<Result>;
  end(): void;
}

/** What a call fails with when its worker has died, and with it all that it held. */
export class WorkerDeath extends Error {}

/** What a call fails with when its worker was ended. */
export const ended = new Error('stopped');

export function shortWorker<T>(worker: Worker): ShortWorker<T> {
  const remote = wrap<T>(worker);
  let isOver = false;
  const callback: Callback = (call) =>
    proxy((...parameters) => {
      if (!isOver) call(...parameters);
    });
  let stop = () => {};
  const death = new Promise<never>((_, reject) => {
    stop = () => reject(ended);
    worker.addEventListener('error', (event) => {
      // The call tells of it.
      event.preventDefault();
      isOver = true;
      worker.terminate();
      reject(
        new WorkerDeath(
          event.message ||
            'the worker ended: its code could not be fetched, or there was too little memory',
        ),
      );
    });
  });
  death.catch(() => {});
  return {
    call: (use) => Promise.race([use(remote, callback), death]),
    end() {
      isOver = true;
      worker.terminate();
      stop();
    },
  };
}
