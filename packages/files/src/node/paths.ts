/** What paths stand for. */
import type { BigIntStats, Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';

/** True if a path is a folder or lies below it. Both are taken as they are spelled. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** A path as models spell it. */
export const withSlashes = (path: string) => path.split(sep).join('/');

/** What identifies a file on disk, whatever its names. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

export const isSame = (one: FileIdentity, other: FileIdentity) =>
  one.ino === other.ino && one.dev === other.dev;

/** Identity of what a path leads to, symbolic links followed; undefined if that is nothing. */
export async function identityOf(path: string): Promise<FileIdentity | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined);
}

/** What something that is no regular file is, in words. */
export function kindOf(found: Stats | BigIntStats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a named pipe';
  if (found.isSocket()) return 'a socket';
  if (found.isCharacterDevice() || found.isBlockDevice()) return 'a device';
  return found.isFile() ? 'a file' : 'something else';
}
