/**
 * Where a new model finds the weights of the one that it was made from. onnxruntime only follows
 * locations that stay inside the model's folder, symbolic links resolved; so data elsewhere gets a hard
 * link there. No byte is read or copied.
 */
import { linkSync, lstatSync, rmSync } from 'node:fs';
import { link, lstat, mkdir } from 'node:fs/promises';
import { basename, dirname, join, parse, relative } from 'node:path';
import { TransPruneError } from '@transprune/core';
import type { ExternalFile } from './external-data.js';
import { type FileIdentity, isInside, isSame, withSlashes } from './paths.js';
import { codeOf, reasonOf } from './system-errors.js';
import type { Target } from './target.js';

/** How a model refers to one data file. */
export interface DataPlacement {
  /** Absolute path of the data file that the original refers to. */
  readonly data: string;
  /** What the new model calls it: relative to its folder, with forward slashes. */
  readonly location: string;
  /**
   * - `inside`: the file lies in the new model's folder, or below
   * - `linked`: a hard link in the new model's folder stands for it; no byte was read or copied
   * - `outside`: neither was possible; onnxruntime will refuse to load the new model
   */
  readonly placement: 'inside' | 'linked' | 'outside';
  /** Why there is no link, for `outside`. */
  readonly reason?: string;
  /** True if the link was made now, and was not there before. */
  readonly made: boolean;
}

/** A data file and what the new model is going to call it. */
export interface PlannedData {
  readonly file: ExternalFile;
  readonly location: string;
  readonly placement: DataPlacement['placement'];
  readonly reason?: string;
  /** A hard link to the data that is ours alone; the one in the folder is made from it. */
  readonly staged?: string;
}

/** Names that are tried for the link to a data file before giving up. */
const mostNames = 1000;

/**
 * Decides what the new model calls its data. Links are made in `staging` only.
 *
 * @param staging an empty folder beside the target
 * @throws TransPruneError INVALID_ARGUMENT if the new model has the name of a link that it needs
 */
export async function planData(
  files: readonly ExternalFile[],
  target: Target,
  staging: string,
): Promise<PlannedData[]> {
  const planned: PlannedData[] = [];
  for (const [index, file] of files.entries()) {
    const path = relative(target.folder, file.realPath);
    if (isInside(file.realPath, target.folder)) {
      planned.push({ file, location: withSlashes(path), placement: 'inside' });
      continue;
    }
    const staged = join(staging, `${index}`);
    const reason = await stage(file, staged);
    planned.push(
      reason === undefined
        ? { file, location: await freeName(file, target, planned), placement: 'linked', staged }
        : { file, location: withSlashes(path), placement: 'outside', reason },
    );
  }
  return planned;
}

/** @returns why there can be no hard link */
async function stage(file: ExternalFile, staged: string): Promise<string | undefined> {
  try {
    // Links the file itself: a link to a symbolic link would still lead out of the folder.
    await link(file.realPath, staged);
  } catch (cause) {
    return codeOf(cause) === 'EXDEV'
      ? 'it lies on another file system'
      : `a hard link could not be made (${reasonOf(cause)})`;
  }
  const made = await lstat(staged, { bigint: true });
  if (made.isFile() && isSame(made, file)) return undefined;
  throw new TransPruneError(
    'INVALID_MODEL',
    `expected the model's weights at ${file.path}, which was replaced meanwhile; try again`,
    { path: file.path, location: file.location },
  );
}

/** The first name for a link that is free, or that stands for the same file. */
async function freeName(
  file: ExternalFile,
  target: Target,
  planned: readonly PlannedData[],
): Promise<string> {
  for (const name of namesFor(basename(file.path))) {
    if (name === target.name) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected another file than ${target.path} to write to, got the name of the link to the model's weights ${file.path} that belongs there; choose another name`,
        { path: target.path, data: file.path },
      );
    }
    const other = planned.find(({ location }) => location === name);
    if (
      other ? isSame(other.file, file) : isFreeFor(file, await entryAt(join(target.folder, name)))
    )
      return name;
  }
  throw new TransPruneError(
    'WRITE_FAILED',
    `expected a free name like ${basename(file.path)} in ${target.folder}, got ${mostNames} that are taken; choose another folder`,
    { path: target.path, data: file.path },
  );
}

/** `weights.bin`, `weights-2.bin`, `weights-3.bin`, ... */
function* namesFor(name: string): Iterable<string> {
  yield name;
  const { name: stem, ext } = parse(name);
  for (let i = 2; i <= mostNames; i++) yield `${stem}-${i}${ext}`;
}

const entryAt = (path: string) => lstat(path, { bigint: true }).catch(missing);

/** Undefined for what is not there. */
function missing(cause: unknown): undefined {
  if (codeOf(cause) === 'ENOENT') return undefined;
  throw cause;
}

/** True if there is nothing, or the same bytes under a name of their own. */
const isFreeFor = (file: FileIdentity, entry: (FileIdentity & { isFile(): boolean }) | undefined) =>
  entry === undefined || (entry.isFile() && isSame(entry, file));

/**
 * Lays the data out around a file in `folder` as it is going to lie around the new model.
 *
 * @returns false if that is impossible on this file system
 */
export async function layOut(planned: readonly PlannedData[], folder: string): Promise<boolean> {
  for (const { file, location, placement, staged } of planned) {
    if (placement === 'outside') return false;
    const path = join(folder, location);
    try {
      await mkdir(dirname(path), { recursive: true });
      await link(staged ?? file.realPath, path);
    } catch (cause) {
      // Two names of one file.
      if (codeOf(cause) !== 'EEXIST') return false;
    }
  }
  return true;
}

/** Links that were made in a folder, so that they can be taken back. */
export interface MadeLinks {
  /** What the model refers to, with whether it was made now. */
  readonly placements: readonly DataPlacement[];
  undo(): void;
}

/**
 * Makes the links that a model needs in its folder. Synchronous, so that nothing of this process comes
 * between; other processes are kept out by a lock.
 *
 * @returns undefined, and nothing made, if a name went to another file since it was planned
 */
export function makeLinks(planned: readonly PlannedData[], folder: string): MadeLinks | undefined {
  const made: string[] = [];
  const undo = () => {
    for (const path of made.splice(0)) rmSync(path, { force: true });
  };
  const placements: DataPlacement[] = [];
  try {
    for (const { file, location, placement, reason, staged } of planned) {
      const path = join(folder, location);
      const state = staged === undefined ? 'there' : linkHere(staged, path, file);
      if (state === 'made') made.push(path);
      if (state === 'taken') {
        undo();
        return undefined;
      }
      placements.push({
        data: file.path,
        location,
        placement,
        ...(reason !== undefined && { reason }),
        made: state === 'made',
      });
    }
    return { placements, undo };
  } catch (error) {
    undo();
    throw error;
  }
}

function linkHere(staged: string, path: string, file: FileIdentity): 'made' | 'there' | 'taken' {
  try {
    linkSync(staged, path);
    return 'made';
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
    const entry = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return isFreeFor(file, entry) && entry ? 'there' : 'taken';
  }
}
