/**
 * Where a new model finds the weights of the one that it was made from. onnxruntime only follows
 * locations that stay inside the model's folder, symbolic links resolved.
 */
import { link, lstat, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, sep } from 'node:path';

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

/**
 * Makes a data file reachable from a folder without reading it.
 *
 * @param data absolute path of a file that exists
 * @param folder absolute path of a folder that exists
 */
export async function placeExternalData(data: string, folder: string): Promise<DataPlacement> {
  const [realData, realFolder] = await Promise.all([realpath(data), realpath(folder)]);
  if (isInside(data, folder) && isInside(realData, realFolder)) {
    return { data, location: slashes(relative(folder, data)), placement: 'inside', made: false };
  }
  const name = basename(data);
  const wanted = join(folder, name);
  try {
    // Links the file itself: a link to a symbolic link would still lead out of the folder.
    await link(realData, wanted);
    return { data, location: name, placement: 'linked', made: true };
  } catch (cause) {
    if (await isSameFile(realData, wanted)) {
      return { data, location: name, placement: 'linked', made: false };
    }
    return {
      data,
      location: slashes(relative(realFolder, realData)),
      placement: 'outside',
      reason: reasonOf(cause, wanted),
      made: false,
    };
  }
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

const slashes = (path: string) => path.split(sep).join('/');

/** True if both names stand for the same bytes on disk, and the second is no symbolic link. */
async function isSameFile(first: string, second: string): Promise<boolean> {
  try {
    const [one, other] = await Promise.all([
      stat(first, { bigint: true }),
      lstat(second, { bigint: true }),
    ]);
    return one.ino === other.ino && one.dev === other.dev;
  } catch {
    return false;
  }
}

function reasonOf(cause: unknown, wanted: string): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'EEXIST':
      return `another file is at ${wanted}`;
    case 'EXDEV':
      return 'it lies on another file system';
    default:
      return `a hard link could not be made (${cause instanceof Error ? cause.message : String(cause)})`;
  }
}
