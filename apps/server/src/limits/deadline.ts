import { ApiError, clientLeft } from '../api/errors.js';
import type { Limits } from './limits.js';

/** Milliseconds that a client may take to read why its answer ends. */
export const lastWordsMs = 2000;

/** Ends a request when it takes too long, when its client leaves, or when the server shuts down. */
export interface Deadline {
  /** Its reason is an ApiError. */
  readonly signal: AbortSignal;
  /** The answer has begun: from here only the time in all counts. */
  begun(): void;
  /** Forgets the request. */
  clear(): void;
}

/**
 * @param leave is aborted when the client is gone
 * @param shutdown is aborted with the error that clients are told
 */
export function deadline(
  { timeToFirstTokenMs, totalMs }: Pick<Limits, 'timeToFirstTokenMs' | 'totalMs'>,
  leave: AbortSignal,
  shutdown: AbortSignal,
): Deadline {
  const controller = new AbortController();
  const after = (ms: number, what: string) =>
    setTimeout(() => controller.abort(tookTooLong(what, ms)), ms);
  const first = after(timeToFirstTokenMs, 'the first token of the answer');
  const end = after(totalMs, 'the answer');
  // One of AbortSignal.any with a listener would be kept by Node for as long as the signal of the shutdown is there.
  const left = () => controller.abort(clientLeft());
  const shut = () => controller.abort(shutdown.reason);
  if (leave.aborted) left();
  if (shutdown.aborted) shut();
  leave.addEventListener('abort', left);
  shutdown.addEventListener('abort', shut);
  return {
    signal: controller.signal,
    begun: () => clearTimeout(first),
    clear() {
      clearTimeout(first);
      clearTimeout(end);
      leave.removeEventListener('abort', left);
      shutdown.removeEventListener('abort', shut);
    },
  };
}

function tookTooLong(what: string, ms: number): ApiError {
  return new ApiError(
    504,
    'timeout',
    `${what} did not come within ${ms} ms; ask for less, or again later`,
  );
}
