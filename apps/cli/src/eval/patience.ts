/** When to stop asking. */
import { counted, TransPruneError } from '@transprune/core';
import type { Problem } from '@transprune/eval';

/** A run ends when so many questions have failed and none has been answered: nobody is there. */
const most = 5;

export interface Asked {
  /** Answers that this run was to get. */
  readonly open: number;
  /** Those of them that it got. */
  readonly answered: number;
  /** Those that were there before. */
  readonly before: number;
}

export interface Patience {
  /** Aborted, with what went wrong, when nothing is answered. */
  readonly signal: AbortSignal;
  watch(asked: Asked, failures: readonly Problem[]): void;
}

/** @param who is asked */
export function patienceWith(who: string): Patience {
  const giveUp = new AbortController();
  return {
    signal: giveUp.signal,
    watch({ open, answered, before }, failures) {
      const [first] = failures;
      // Where most was answered before, the rest may well be what failed then.
      if (answered > 0 || before >= open || !first) return;
      // One bad picture fails with each of those who are asked in turns.
      const questions = new Set(failures.map(({ where }) => where)).size;
      if (questions < most && failures.length < open) return;
      giveUp.abort(
        new TransPruneError(
          'RUN_FAILED',
          `expected answers from ${who}, got none to ${counted(questions, 'question')}; ${first.where}: ${first.what}`,
          { failures },
        ),
      );
    },
  };
}
