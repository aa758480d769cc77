/** The files that a benchmark's own scorer takes, in a folder. */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { checkFolder, reasonOf, writeFailure } from '@transprune/files/node';
import { writeWhole } from '../show/ending.js';

/**
 * @param mayHold whether something may be in it already
 * @throws TransPruneError INVALID_ARGUMENT for a folder with something in it, and as `checkFolder` does
 */
export async function checkOfficial(folder: string, mayHold: boolean): Promise<void> {
  await checkFolder(folder, 'anything');
  const entries = mayHold ? [] : await readdir(folder).catch(() => []);
  if (entries.length === 0) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected an empty folder for --official, or none, got ${folder} with ${entries[0]}; name another one, or add --force`,
    { path: folder },
  );
}

/**
 * @param files contents by their paths in the folder
 * @returns paths of what was written
 * @throws TransPruneError WRITE_FAILED with the system's reason
 */
export async function writeFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<string[]> {
  const written: string[] = [];
  for (const [path, content] of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true }).catch((cause) => {
      throw writeFailure(target, reasonOf(cause), 'name another folder', cause);
    });
    await writeWhole(target, content);
    written.push(target);
  }
  return written;
}
