import { type ErrorCode, TransPruneError } from '@transprune/core';
import { CommanderError } from 'commander';

/** What the program's exit says to scripts. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  verificationFailed: 4,
  unsupportedModel: 5,
  incomplete: 6,
  interrupted: 130,
} as const;

const byErrorCode: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: exitCodes.usage,
  INVALID_PLAN: exitCodes.usage,
  NOT_FOUND: exitCodes.notFound,
  INVALID_MODEL: exitCodes.unsupportedModel,
  UNSUPPORTED_MODEL: exitCodes.unsupportedModel,
  INVALID_IMAGE: exitCodes.failure,
  DEVICE_UNAVAILABLE: exitCodes.failure,
  BUSY: exitCodes.failure,
  RUN_FAILED: exitCodes.failure,
  WRITE_FAILED: exitCodes.failure,
  DOWNLOAD_FAILED: exitCodes.failure,
  VERIFICATION_FAILED: exitCodes.verificationFailed,
};

/** Thrown when the user interrupts; everything temporary is gone by then. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** Thrown behind a result that is shown and lacks a part, such as answers that failed; the command has said which. */
export class Incomplete extends Error {
  constructor() {
    super('incomplete');
    this.name = 'Incomplete';
  }
}

/** The exit code for whatever ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (error instanceof Incomplete) return exitCodes.incomplete;
  if (TransPruneError.isInstance(error)) return byErrorCode[error.code] ?? exitCodes.failure;
  // Help and version that were asked for leave with 0; help in place of a missing command does not.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  return exitCodes.failure;
}
