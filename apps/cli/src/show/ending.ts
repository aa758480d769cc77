/** Files whose kind the ending of their name says. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { TransPruneError } from '@transprune/core';

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

/** Writes a file that appears when it is whole. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, content, { flag: 'wx' });
    await rename(part, path);
  } catch (cause) {
    await rm(part, { force: true });
    const reason = cause instanceof Error ? cause.message : `${cause}`;
    throw new TransPruneError(
      'WRITE_FAILED',
      `expected to write ${path}, got: ${reason}`,
      { path },
      { cause },
    );
  }
}
