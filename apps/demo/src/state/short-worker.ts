/** Workers that can be ended at any time, to give their memory back. */
import { type Remote, wrap } from 'comlink';

export interface ShortWorker<T> {
  /** Calls it; fails too if it dies or is ended meanwhile. */
  call<Result>(use: (remote: Remote<T>) => Promise<Result>): Promise<Result>;
  end(): void;
}

/** What a call fails with when its worker was ended. */
export const ended = new Error('stopped');

export function shortWorker<T>(worker: Worker): ShortWorker<T> {
  const remote = wrap<T>(worker);
  let stop = () => {};
  const death = new Promise<never>((_, reject) => {
    stop = () => reject(ended);
    worker.addEventListener('error', (event) => {
      // The call tells of it.
      event.preventDefault();
      reject(new Error(event.message || 'the worker could not be started, or ran out of memory'));
    });
  });
  death.catch(() => {});
  return {
    call: (use) => Promise.race([use(remote), death]),
    end() {
      worker.terminate();
      stop();
    },
  };
}
