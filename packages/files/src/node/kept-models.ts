/**
 * A folder of folders that are kept for later, each for one model, within bounds: beyond them those that were not used
 * for longest are removed. Several processes may share it; a lock keeps one from removing what another has just found.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.js';
import { isSystemError } from './system-errors.js';

/** The most folders that are kept ... */
export const mostKeptModels = 16;
/** ... and the most bytes in them; those of weights that are linked to elsewhere do not count. */
export const mostKeptBytes = 8 * 2 ** 30;
/** What was used so lately, in milliseconds, may be about to be opened, and stays. */
const inUseMs = 60 * 60_000;

const lockIn = (root: string) => join(root, '.transprune.lock');

/**
 * Notes that a kept folder is used, so that it stays.
 *
 * @param isComplete whether the folder is there, as it should be
 */
export async function use(
  root: string,
  name: string,
  isComplete: () => Promise<boolean>,
): Promise<boolean> {
  const note = async () => {
    const found = await isComplete();
    const now = new Date();
    if (found) await utimes(join(root, name), now, now);
    return found;
  };
  try {
    return (await withLock(lockIn(root), note)) ?? false;
  } catch (cause) {
    // Where nothing can be written nothing is removed either.
    if (!isSystemError(cause)) throw cause;
    return isComplete();
  }
}

/** Removes the oldest folders beyond the bounds; what cannot be removed stays. */
export async function removeOldest(root: string): Promise<void> {
  const removed: string[] = [];
  try {
    await withLock(lockIn(root), async () => {
      for (const { path } of await beyondBounds(root)) {
        const aside = join(root, `.transprune-${randomUUID()}`);
        await rename(path, aside);
        removed.push(aside);
      }
    });
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
  }
  for (const path of removed) await rm(path, { recursive: true, force: true }).catch(() => {});
}

interface Kept {
  readonly path: string;
  /** Of the last use. */
  readonly time: number;
  /** Of files that are nowhere else. */
  readonly bytes: number;
}

async function beyondBounds(root: string): Promise<Kept[]> {
  const entries = await readdir(root, { withFileTypes: true });
  // What begins with our own name is the lock, or on its way out.
  const folders = entries.filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.transprune'),
  );
  const kept = await Promise.all(folders.map(({ name }) => measure(join(root, name))));
  const newestFirst = kept.sort((a, b) => b.time - a.time);
  let bytes = 0;
  return newestFirst.filter((each, at) => {
    bytes += each.bytes;
    const isBeyond = at >= mostKeptModels || bytes > mostKeptBytes;
    return isBeyond && Date.now() - each.time > inUseMs;
  });
}

async function measure(path: string): Promise<Kept> {
  const names = await readdir(path);
  const files = await Promise.all(names.map((name) => stat(join(path, name))));
  const own = files.filter(({ nlink }) => nlink === 1);
  const { mtimeMs: time } = await stat(path);
  return { path, time, bytes: own.reduce((sum, { size }) => sum + size, 0) };
}
