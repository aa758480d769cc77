/** Where a file is to be written, checked before anything is. */
import { access, constants, lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { identityOf, isSame, kindOf } from './paths.js';
import { codeOf, reasonOf } from './system-errors.js';

/** What to do with a file that is there already. */
export type IfExists = 'replace' | 'refuse';

export interface TargetOptions {
  /** Files that are read, and so must stay: none of them is replaced. */
  readonly inputs: readonly string[];
  /** `replace` if left out. */
  readonly ifExists?: IfExists;
}

/** A path that can be written to. */
export interface Target {
  /** As the caller spelled it. */
  readonly path: string;
  /** Absolute, symbolic links resolved; it exists. */
  readonly folder: string;
  /** Of the file in the folder. */
  readonly name: string;
}

/**
 * Makes sure that a file may be written and is none of the inputs, whatever the spelling: paths are
 * compared with symbolic links resolved, files that exist by their inodes.
 *
 * @throws TransPruneError INVALID_ARGUMENT for an input, a device, a pipe or a socket, and for a file that
 *   is there if it may not be replaced; WRITE_FAILED for a folder, for a path that cannot be and for one in a folder
 *   that may not be written to
 */
export async function checkTarget(
  path: string,
  { inputs, ifExists = 'replace' }: TargetOptions,
): Promise<Target> {
  const absolute = resolve(path);
  const name = basename(absolute);
  const folder = await realFolder(dirname(absolute), path);
  for (const input of inputs) {
    if (!(await isInput(absolute, join(folder, name), input))) continue;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected another file than ${path} to write to, got ${resolve(input)}, which is read: the original and the files with its weights stay as they are; choose another name`,
      { path, input },
    );
  }
  await checkWhatIsThere(join(folder, name), path, ifExists);
  return { path, folder, name };
}

/**
 * Makes sure that what lies at a path, if anything, is a file that may be replaced.
 *
 * @param path how the caller spelled it
 * @throws TransPruneError as `checkTarget` does
 */
export async function checkWhatIsThere(
  target: string,
  path: string,
  ifExists: IfExists,
): Promise<void> {
  try {
    const entry = await lstat(target);
    // A link that leads nowhere is there, too.
    const found = entry.isSymbolicLink() ? await stat(target).catch(() => entry) : entry;
    if (found.isDirectory()) throw writeFailure(path, 'a folder', 'name a file in it');
    if (!found.isFile() && !found.isSymbolicLink()) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected a file to write to, got ${path}, which is ${kindOf(found)}; choose the name of a file`,
        { path },
      );
    }
    if (ifExists === 'refuse') throw alreadyThere(path);
  } catch (cause) {
    if (TransPruneError.isInstance(cause)) throw cause;
    if (codeOf(cause) === 'ENOENT') return;
    throw writeFailure(path, reasonOf(cause), 'choose another name', cause);
  }
}

/**
 * Makes sure that files can be written to a folder, which may have to be made, and the folders around it too.
 *
 * @param holds `nothing` for a folder that has to be new or empty
 * @param written what the error names; the folder if left out
 * @throws TransPruneError WRITE_FAILED for a file in its place or in that of a folder around it, for a folder that may
 *   not be written to, and for one with something in it if it has to be empty
 */
export async function checkFolder(
  path: string,
  holds: 'anything' | 'nothing',
  written = path,
): Promise<void> {
  const absolute = resolve(path);
  try {
    const there = await nearestThere(absolute);
    if (!(await stat(there)).isDirectory())
      throw writeFailure(written, noFolder(there), anotherFolder);
    await access(there, constants.W_OK);
    const entries = holds === 'nothing' && there === absolute ? await readdir(there) : [];
    if (entries.length === 0) return;
    throw writeFailure(
      written,
      `a folder that holds ${entries[0]}`,
      'name a new folder, or an empty one',
    );
  } catch (cause) {
    if (TransPruneError.isInstance(cause)) throw cause;
    throw writeFailure(written, reasonOf(cause), anotherFolder, cause);
  }
}

const anotherFolder = 'name another folder';

const noFolder = (path: string) => `${path}, which is no folder`;

/** The path itself, or the nearest around it that is there; a link that leads nowhere is there, too. */
async function nearestThere(path: string): Promise<string> {
  try {
    await lstat(path);
    return path;
  } catch (cause) {
    const isOpen = ['ENOENT', 'ENOTDIR'].includes(codeOf(cause) ?? '');
    if (!isOpen || dirname(path) === path) throw cause;
    return nearestThere(dirname(path));
  }
}

/** The error for a file that is there and may not be replaced. */
export function alreadyThere(path: string): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a free name to write to, got ${path}, which is there already; choose another name, or replace it (ifExists: 'replace')`,
    { path, exists: true },
  );
}

/** The error for a file that cannot be written. */
export function writeFailure(
  path: string,
  reason: string,
  remedy: string,
  cause?: unknown,
): TransPruneError {
  return new TransPruneError(
    'WRITE_FAILED',
    `expected to write ${path}, got ${reason}; ${remedy}`,
    { path },
    { cause },
  );
}

async function realFolder(folder: string, path: string): Promise<string> {
  const remedy = 'check that the folder exists, is writable and has room';
  try {
    const real = await realpath(folder);
    const found = await stat(real);
    if (!found.isDirectory()) {
      throw writeFailure(path, 'a path through something that is no folder', remedy);
    }
    await access(real, constants.W_OK);
    return real;
  } catch (cause) {
    if (TransPruneError.isInstance(cause)) throw cause;
    throw writeFailure(path, reasonOf(cause), remedy, cause);
  }
}

async function isInput(absolute: string, target: string, input: string): Promise<boolean> {
  if (absolute === resolve(input)) return true;
  const real = await realpath(input).catch(() => resolve(input));
  const place = join(await realpath(dirname(resolve(input))).catch(() => ''), basename(input));
  if (target === real || target === place) return true;
  const [one, other] = await Promise.all([identityOf(target), identityOf(input)]);
  return one !== undefined && other !== undefined && isSame(one, other);
}
