/** The files that a benchmark's own scorer takes, in a folder. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TransPruneError } from '@transprune/core';

/** @throws TransPruneError INVALID_ARGUMENT for a folder with something in it */
export async function checkEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder).catch(() => []);
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
 */
export async function writeFiles(
  folder: string,
  files: ReadonlyMap<string, string>,
): Promise<string[]> {
  const written: string[] = [];
  for (const [path, content] of files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    written.push(target);
  }
  return written;
}
