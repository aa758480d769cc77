const marker = Symbol.for('transprune.error');

/** What went wrong, as a stable word that programs can branch on. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_PLAN'
  | 'NOT_FOUND'
  | 'INVALID_MODEL'
  | 'UNSUPPORTED_MODEL'
  | 'INVALID_IMAGE'
  | 'DEVICE_UNAVAILABLE'
  | 'BUSY'
  | 'RUN_FAILED'
  | 'WRITE_FAILED'
  | 'DOWNLOAD_FAILED'
  | 'VERIFICATION_FAILED';

/** Structured facts that belong to an error, ready for JSON. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * The one error type of the project. The message says what was expected, what came and what to do;
 * `code` and `data` say the same to programs.
 */
export class TransPruneError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, data: ErrorData = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TransPruneError';
    this.code = code;
    this.data = data;
    Object.defineProperty(this, marker, { value: true });
  }

  /** True for errors of this type, also when two copies of the package are loaded. */
  static isInstance(error: unknown): error is TransPruneError {
    return typeof error === 'object' && error !== null && marker in error;
  }
}
