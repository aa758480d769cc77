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

/** The exit code for whatever ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  if (TransPruneError.isInstance(error)) return byErrorCode[error.code] ?? exitCodes.failure;
  // Help and version that were asked for leave with 0; help in place of a missing command does not.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  return exitCodes.failure;
}
