import { TransPruneError } from '@transprune/core';
import type { PruningOptions } from './options.js';

export const isUnsupported = (error: unknown) =>
  TransPruneError.isInstance(error) && error.code === 'UNSUPPORTED_MODEL';

/** True for errors that are the decoder's fault, not the options': a preset finds no place in some. */
export function isRefusal(error: unknown, { plan }: PruningOptions): error is TransPruneError {
  if (!TransPruneError.isInstance(error)) return false;
  return isUnsupported(error) || (error.code === 'INVALID_PLAN' && !plan);
}
