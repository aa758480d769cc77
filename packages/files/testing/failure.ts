import { TransPruneError } from '@transprune/core';

/** Code and message of what an attempt fails with. */
export async function failure(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (TransPruneError.isInstance(error)) return `${error.code}: ${error.message}`;
    return `not ours: ${error}`;
  }
  return 'none';
}
