/** Files that live as long as a command does. */
import * as files from '@transprune/files/node';
import type { Io } from '../io.js';

export { type TemporaryFolders, temporaryModel } from '@transprune/files/node';

/** Lends folders to `use` and removes them when it ends, also on an interruption. */
export function withTemporaryFolders<T>(
  io: Io,
  use: (folders: files.TemporaryFolders) => Promise<T>,
): Promise<T> {
  return files.withTemporaryFolders(io.signal, use);
}
