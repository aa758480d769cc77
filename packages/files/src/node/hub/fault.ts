/** What goes wrong between a server and us, and whether to try again. */
import { type ErrorCode, TransPruneError } from '@transprune/core';

export interface FaultOptions {
  readonly code?: ErrorCode;
  /**
   * - `never`: the same would come again
   * - `later`: a fault that passes
   * - `after progress`: as patience has its end, only if the try brought something new
   */
  readonly retry?: 'never' | 'later' | 'after progress';
  /** The server's own wish for the wait, in milliseconds. */
  readonly afterMs?: number;
  /** True if what came before it is no good either. */
  readonly discard?: boolean;
  readonly remedy?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** One try that failed. */
export class TransferFault extends Error {
  readonly options: FaultOptions;

  /** @param got what came instead of the file, in words */
  constructor(got: string, options: FaultOptions = {}) {
    super(got, { cause: options.cause });
    this.name = 'TransferFault';
    this.options = options;
  }
}

/** The error for the caller. */
export function toError(fault: TransferFault, url: string, tries: number): TransPruneError {
  const { code = 'DOWNLOAD_FAILED', remedy = 'try again later', data } = fault.options;
  const often = tries > 1 ? ` at the last of ${tries} tries` : '';
  return new TransPruneError(
    code,
    `expected ${url} to give out a file, got ${fault.message}${often}; ${remedy}`,
    { url, ...data },
    { cause: fault },
  );
}

/** What passes, before there is an answer. Of a body, every break does. */
const passing = new Set([
  ...['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'],
]);

/** A fault from what `fetch` throws before there is an answer. */
export function faultOfConnection(cause: unknown): TransferFault {
  const code = codeIn(cause);
  if (code !== undefined && (passing.has(code) || code.startsWith('HPE_')))
    return broken('', cause);
  return new TransferFault(`no connection (${code ?? reasonIn(cause)})`, {
    code: 'NOT_FOUND',
    retry: 'after progress',
    remedy: 'check the network and the address, or use a model in a folder',
    cause,
  });
}

/** A fault from what reading a body throws. */
export function broken(after: string, cause: unknown): TransferFault {
  const why = codeIn(cause);
  const got = `a connection that broke ${after || 'before there was an answer'}`;
  return new TransferFault(why === undefined ? got : `${got} (${why})`, { retry: 'later', cause });
}

/** The innermost words. */
function reasonIn(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined ? cause.message : reasonIn(cause.cause);
}

/** The system's code, however deep `fetch` has wrapped it. */
function codeIn(cause: unknown): string | undefined {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') return error.code;
    // Several addresses of one name were tried.
    if (error instanceof AggregateError) return codeIn(error.errors[0]);
  }
  return undefined;
}
