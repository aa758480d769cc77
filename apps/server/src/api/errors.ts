/** Errors as OpenAI's API has them: a status, and `{ error: { message, type, param, code } }`. */
import { TransPruneError } from '@transprune/core';

export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 413
  | 415
  | 429
  | 499
  | 500
  | 503
  | 504;

/** What a client is told. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export interface ErrorDetails {
  /** The part of the request that is at fault. */
  readonly param?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export class ApiError extends Error {
  readonly status: ErrorStatus;
  readonly code: string;
  readonly param: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ErrorStatus,
    code: string,
    message: string,
    { param, headers = {} }: ErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.param = param;
    this.headers = headers;
  }

  get body(): ErrorBody {
    const { message, code, param = null } = this;
    return { error: { message, type: typeOf(this.status), param, code } };
  }
}

const types: Partial<Readonly<Record<ErrorStatus, string>>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

function typeOf(status: ErrorStatus): string {
  return types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
}

/** What is wrong with a request. */
export function badRequest(code: string, message: string, param?: string): ApiError {
  return new ApiError(400, code, message, { param });
}

/** What a client that asks again a little later may have more luck with. */
export function unavailable(code: string, message: string, seconds = 1): ApiError {
  return new ApiError(503, code, message, { headers: { 'Retry-After': String(seconds) } });
}

/** Nobody is told, but the log. */
export function clientLeft(options?: ErrorOptions): ApiError {
  return new ApiError(499, 'client_closed_request', 'the client left', {}, options);
}

/**
 * Any error as one of the API's. Of those that nobody expected, clients learn nothing.
 *
 * @param prompt what the endpoint calls the prompt
 */
export function toApiError(error: unknown, prompt = 'messages'): ApiError {
  if (error instanceof ApiError) return error;
  if (TransPruneError.isInstance(error)) {
    const field = typeof error.data.field === 'string' ? error.data.field : undefined;
    const params: Readonly<Record<string, string>> = { prompt, keepRatios: 'pruning.keepRatios' };
    const param = field && (params[field] ?? field);
    if (error.code === 'INVALID_ARGUMENT') return badRequest('invalid_value', error.message, param);
    if (error.code === 'INVALID_IMAGE') return badRequest('invalid_image', error.message, param);
  }
  return new ApiError(
    500,
    'internal_error',
    'the server failed to answer; its log says why, under the id in X-Request-Id',
    {},
    { cause: error },
  );
}
