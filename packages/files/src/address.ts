/** Where a repository's files are on a server. */
import { TransPruneError } from '@transprune/core';

/** The Hugging Face hub. */
export const hub = 'https://huggingface.co';

/** Where a repository's files are below a server with the hub's layout. */
const folderTemplate = '{model}/resolve/{revision}/';

/** A server that models are on. */
export interface Host {
  /** Its address; the Hugging Face hub if left out. */
  readonly host?: string;
  /** Folder of a model below it, with {model} and {revision}; the hub's layout if left out. */
  readonly pathTemplate?: string;
}

/**
 * Address of a file of a model.
 *
 * @param path in the repository; what it holds of an address' own signs is taken literally
 * @throws TransPruneError INVALID_ARGUMENT for a revision that leads out of the model's folder
 */
export function remoteUrl(
  id: string,
  path: string,
  revision = 'main',
  { host = hub, pathTemplate = folderTemplate }: Host = {},
): string {
  const folder = pathTemplate
    .replaceAll('{model}', id)
    .replaceAll('{revision}', encodeURIComponent(checkRevision(revision)));
  const file = path.split('/').map(encodeURIComponent).join('/');
  return new URL(`${folder.replace(/\/?$/, '/')}${file}`, host.replace(/\/?$/, '/')).href;
}

/**
 * Makes sure that an id names a model of the hub, and a folder of its own on disk.
 *
 * @throws TransPruneError INVALID_ARGUMENT
 */
export function checkModelId(id: string): string {
  const isName = (part: string) =>
    /^[\w-][\w.-]{0,95}$/.test(part) && !part.endsWith('.') && !part.includes('..');
  const parts = id.split('/');
  if (parts.length <= 2 && parts.every(isName)) return id;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected the id of a model such as owner/name, got ${id}`,
    { id },
  );
}

/** Folders are named after revisions, so they are no longer than a file name can be. */
const longestRevision = 200;

/**
 * Makes sure that a revision is one that git could have. Slashes are fine, as in `refs/pr/1`.
 *
 * @throws TransPruneError INVALID_ARGUMENT
 */
export function checkRevision(revision: string): string {
  const isRevision =
    revision !== '' &&
    !/[\p{Cc}\p{Cs}\s~^:?*[\\]/u.test(revision) &&
    encodeURIComponent(revision).length <= longestRevision &&
    !revision.includes('..') &&
    revision.split('/').every((part) => part !== '' && part !== '.');
  if (isRevision) return revision;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a branch, a tag or a commit as the revision, got ${JSON.stringify(revision)}; main is the usual one`,
    { revision },
  );
}
