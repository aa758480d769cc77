/** What the operating system says about files, in words. */

/** The code of an error that the system gave, such as `ENOENT`. */
export function codeOf(cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True for an error of the file system, false for one of ours or of a caller's. */
export function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && 'syscall' in cause && codeOf(cause) !== undefined;
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a path through something that is no folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'a file system that can only be read',
  EISDIR: 'a folder',
  EEXIST: 'a file where there should be a folder',
  ENOTEMPTY: 'a folder',
  ENAMETOOLONG: 'a name that is too long for the file system',
  ELOOP: 'symbolic links that lead in a circle',
  ENOSPC: 'a full disk',
  EDQUOT: 'a full quota',
  EMFILE: 'too many open files',
};

/** What went wrong with a file: the system's error in words, or the message of another. */
export function reasonOf(cause: unknown): string {
  const known = reasons[codeOf(cause) ?? ''];
  return known ?? (cause instanceof Error ? cause.message : String(cause));
}
