/** Where answers are to be written, checked before anything is opened that takes time. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkFolder, writeFailure } from '@transprune/files/node';

/** @throws TransPruneError WRITE_FAILED for a folder or a device in the file's place, or a file in that of a folder around it */
export async function checkAnswersFile(path: string): Promise<void> {
  await checkFolder(dirname(path), 'anything', path);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) throw writeFailure(path, 'a folder', 'name a file in it');
  // Answers are read again.
  if (found && !found.isFile()) throw writeFailure(path, 'a device', 'name a file');
}
