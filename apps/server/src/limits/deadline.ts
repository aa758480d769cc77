import { ApiError } from '../api/errors.js';
import type { Limits } from './limits.js';

/** Ends a request when it takes too long, when its client leaves, or when the server shuts down. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The answer has begun: from here only the time in all counts. */
  begun(): void;
  /** Forgets the request. */
  clear(): void;
}

/** @param ends signals that end the request as well */
export function deadline(
  { timeToFirstTokenMs, totalMs }: Pick<Limits, 'timeToFirstTokenMs' | 'totalMs'>,
  ends: readonly AbortSignal[],
): Deadline {
  const controller = new AbortController();
  const after = (ms: number, what: string) =>
    setTimeout(() => controller.abort(tookTooLong(what, ms)), ms);
  const first = after(timeToFirstTokenMs, 'the first token of the answer');
  const end = after(totalMs, 'the answer');
  return {
    signal: AbortSignal.any([controller.signal, ...ends]),
    begun: () => clearTimeout(first),
    clear() {
      clearTimeout(first);
      clearTimeout(end);
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
