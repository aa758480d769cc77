/** What a card of the page has a worker do: what is shown meanwhile, and if it fails. */
import { type Signal, signal } from '@preact/signals';
import { reasonOf } from './load.js';
import { ended } from './short-worker.js';
import { status } from './store.js';

export interface Task<Progress> {
  /** Undefined while nothing is done. */
  readonly progress: Signal<Progress | undefined>;
  /** What went wrong last, in words for the user. */
  readonly failure: Signal<string | undefined>;
  /** Does something, and shows it in place of what was begun before. */
  run(start: Progress, work: () => Promise<void>): Promise<void>;
}

export function task<Progress extends { readonly doing: string }>(): Task<Progress> {
  const progress = signal<Progress | undefined>(undefined);
  const failure = signal<string | undefined>(undefined);
  let last = 0;
  return {
    progress,
    failure,
    async run(start, work) {
      const own = ++last;
      failure.value = undefined;
      progress.value = start;
      status.value = start.doing;
      try {
        await work();
      } catch (error) {
        if (own !== last) return;
        if (error !== ended) failure.value = reasonOf(error);
        status.value = failure.value ?? 'Stopped';
      } finally {
        if (own === last) progress.value = undefined;
      }
    },
  };
}
