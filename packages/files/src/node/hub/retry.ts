/** Tries again, as long as that makes sense. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TransferFault, toError } from './fault.js';
import type { TransferPolicy } from './policy.js';

export interface RetryNotice {
  /** What went wrong, in words. */
  readonly reason: string;
  /** Until the next try. */
  readonly delayMs: number;
}

export interface RetryOptions {
  readonly url: string;
  readonly policy: TransferPolicy;
  readonly signal: AbortSignal;
  readonly onRetry?: (notice: RetryNotice) => void;
  /** Bytes that were there before the first try; 0 if left out. */
  readonly startedWith?: number;
  /** How far it is; a try that adds enough to the furthest is not counted. */
  readonly reached?: () => Reached;
}

/** Bytes that are there, of those that there are in all if that is known. */
export interface Reached {
  readonly bytes: number;
  readonly total?: number;
}

/** What a try has to add at least so that it is not counted: a twentieth, or this many bytes. */
const enough = ({ total = Number.POSITIVE_INFINITY }: Reached) =>
  Math.max(1, Math.min(2 ** 16, total / 20));

/**
 * @param attempt throws `TransferFault`; anything else ends the tries
 * @throws TransPruneError for the last fault, the signal's reason when it is aborted
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { url, policy, signal, onRetry, startedWith = 0, reached }: RetryOptions,
): Promise<T> {
  let counted = 0;
  let most = startedWith;
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (fault) {
      signal.throwIfAborted();
      if (!(fault instanceof TransferFault)) throw fault;
      const now = reached?.() ?? { bytes: 0 };
      const isNew = now.bytes - most >= enough(now);
      most = Math.max(most, now.bytes);
      counted = isNew ? 1 : counted + 1;
      const { retry = 'never', afterMs } = fault.options;
      const isWorthIt = retry === 'later' || (retry === 'after progress' && isNew);
      if (!isWorthIt || counted > policy.retries) throw toError(fault, url, tries);
      const { retryDelayMs, longestWaitMs } = policy;
      const delayMs = afterMs ?? Math.min(retryDelayMs * 2 ** (counted - 1), longestWaitMs);
      if (delayMs > longestWaitMs) throw toError(tooLong(fault, delayMs), url, tries);
      onRetry?.({ reason: fault.message, delayMs });
      await sleep(delayMs, undefined, { signal });
    }
  }
}

function tooLong(fault: TransferFault, delayMs: number): TransferFault {
  const seconds = Math.ceil(delayMs / 1000);
  return new TransferFault(fault.message, {
    ...fault.options,
    remedy: `the server asks to wait for ${seconds} s: try again then`,
  });
}
