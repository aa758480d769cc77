/** Models by what users call them: a folder, a decoder's file, or an id on the hub. */
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { checkModelId } from '../address.js';

/** What a name stands for. */
export type ModelPlace =
  | { readonly hub: string }
  | { readonly folder: string }
  | { readonly file: string };

/**
 * Where a model is that a user named. What is here goes before the hub, as in other tools; `./owner/name` is always a
 * path, and a name with a revision always an id.
 *
 * @param revision that the user asked for
 * @throws TransPruneError NOT_FOUND for a name that is neither here nor an id, INVALID_ARGUMENT for a revision of
 *   what is not on the hub
 */
export async function placeOf(name: string, revision?: string): Promise<ModelPlace> {
  if (revision !== undefined && isId(name)) return { hub: name };
  const found = await stat(name).catch(() => undefined);
  if (found) {
    const isFolder = found.isDirectory();
    if (revision !== undefined) throw noRevisions(`the ${isFolder ? 'folder' : 'file'} ${name}`);
    return isFolder ? { folder: name } : { file: name };
  }
  if (isId(name)) return { hub: name };
  throw new TransPruneError(
    'NOT_FOUND',
    `expected a model: a folder, or an id on the hub such as owner/name; got ${name}, ${isPath(name) ? 'and nothing is there' : 'which is neither'}`,
    { model: name },
  );
}

/**
 * Where the model is that a user named to a program, or else in the variable `TRANSPRUNE_MODEL`.
 *
 * @returns undefined if neither names one
 * @throws TransPruneError as `placeOf` does, with the variable's name if the model's is from there
 */
export async function namedPlace(
  name: string | undefined,
  revision: string | undefined,
  { TRANSPRUNE_MODEL: standing }: Readonly<Record<string, string | undefined>>,
): Promise<ModelPlace | undefined> {
  if (name !== undefined) return placeOf(name, revision);
  if (!standing) return undefined;
  try {
    return await placeOf(standing, revision);
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    const message = `TRANSPRUNE_MODEL: ${error.message}`;
    throw new TransPruneError(error.code, message, error.data, { cause: error });
  }
}

const isPath = (name: string) =>
  isAbsolute(name) || /^[.~]|\\|\.onnx$/.test(name) || name.split('/').length > 2;

/** True for two parts with a slash between them, unless they can only be a path. */
function isId(name: string): boolean {
  if (isPath(name) || name.split('/').length !== 2) return false;
  try {
    return checkModelId(name) === name;
  } catch {
    return false;
  }
}

function noRevisions(what: string): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a model on the hub with --revision, got ${what}; leave --revision out`,
    { option: '--revision' },
  );
}
