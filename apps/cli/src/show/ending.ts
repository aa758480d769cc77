/** Files whose kind the ending of their name says. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { reasonOf, writeFailure } from '@transprune/files/node';

export type Ending = '.html' | '.svg' | '.png' | '.json';

/** @throws TransPruneError INVALID_ARGUMENT for another ending */
export function endingOf<T extends Ending>(path: string, endings: readonly T[]): T {
  const found = endings.find((ending) => ending === extname(path).toLowerCase());
  if (found) return found;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a file that ends in ${endings.join(', ')}, got ${path}; the ending says what is written`,
    { path },
  );
}

/**
 * Writes a file that appears when it is whole.
 *
 * @throws TransPruneError WRITE_FAILED with the system's reason
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, content, { flag: 'wx' });
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    throw writeFailure(
      path,
      reasonOf(cause),
      'check that its folder is writable and has room',
      cause,
    );
  }
}
