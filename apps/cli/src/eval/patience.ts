/** When to stop asking. */
import { counted, TransPruneError } from '@transprune/core';
import type { Problem } from '@transprune/eval';

/** A run ends when so many questions have failed and none has been answered: nobody is there. */
const most = 5;

export interface Patience {
  /** Aborted, with what went wrong, when nothing is answered. */
  readonly signal: AbortSignal;
  /**
   * @param open questions that were to be asked
   * @param answered those of them that were
   */
  watch(open: number, answered: number, failures: readonly Problem[]): void;
}

/** @param who is asked */
export function patienceWith(who: string): Patience {
  const giveUp = new AbortController();
  return {
    signal: giveUp.signal,
    watch(open, answered, failures) {
      const [first] = failures;
      if (answered > 0 || !first || failures.length < Math.min(most, open)) return;
      giveUp.abort(
        new TransPruneError(
          'RUN_FAILED',
          `expected answers from ${who}, got none to ${counted(failures.length, 'question')}; ${first.where}: ${first.what}`,
          { failures },
        ),
      );
    },
  };
}
