/**
 * The files with weights that a model refers to. What a model says is not trusted: nothing is opened,
 * linked or read before it is known to be a regular file in the model's own folder. onnxruntime asks for
 * the same.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { externalLocations, type OnnxModel } from '@transprune/onnx';
import { checkLocation } from '../remote.js';
import { type FileIdentity, isInside, kindOf } from './paths.js';
import { codeOf, reasonOf } from './system-errors.js';

/** A data file of a model, checked. */
export interface ExternalFile extends FileIdentity {
  /** As the model names it. */
  readonly location: string;
  /** Absolute, spelled as the model's own path and the location say. */
  readonly path: string;
  /** Absolute, symbolic links resolved. */
  readonly realPath: string;
}

/**
 * Finds the data files of a model.
 *
 * @param sourcePath the file that the model was read from
 * @throws TransPruneError INVALID_MODEL for a location that leads out of the model's folder, by its
 *   spelling or through a symbolic link, or to something that is no regular file; NOT_FOUND that names
 *   all missing files
 */
export async function requireExternalData(
  model: OnnxModel,
  sourcePath: string,
): Promise<ExternalFile[]> {
  const locations = externalLocations(model).map(checkLocation);
  if (locations.length === 0) return [];
  const folders = await foldersOf(sourcePath);
  const found = await Promise.all(
    locations.map((location) => findExternalFile(location, sourcePath, folders)),
  );
  const missing = found.filter((file) => typeof file === 'string');
  if (missing.length > 0) {
    throw new TransPruneError(
      'NOT_FOUND',
      `the weights of ${sourcePath} are missing: ${missing.join(', ')}; put them beside the model again`,
      { files: missing },
    );
  }
  return found.filter((file) => typeof file !== 'string');
}

/**
 * Folders that data may lie in: the model's, and if the model is a symbolic link, as in the cache of the
 * Hugging Face hub, that of the file it leads to.
 */
async function foldersOf(sourcePath: string): Promise<string[]> {
  const source = resolve(sourcePath);
  try {
    return await Promise.all([realpath(dirname(source)), realpath(source).then(dirname)]);
  } catch (cause) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a model at ${sourcePath}, got ${reasonOf(cause)}; check the path`,
      { path: sourcePath },
      { cause },
    );
  }
}

/** @returns the path of a file that is missing */
async function findExternalFile(
  location: string,
  sourcePath: string,
  folders: readonly string[],
): Promise<ExternalFile | string> {
  const path = resolve(dirname(sourcePath), location);
  const refuse = (what: string, cause?: unknown) =>
    new TransPruneError(
      'INVALID_MODEL',
      `expected the model's weights in files below its own folder, got ${location} in ${sourcePath}, which is ${what}; put the weights beside the model, or export it again`,
      { location, path },
      { cause },
    );
  try {
    const realPath = await realpath(path);
    if (!folders.some((folder) => isInside(realPath, folder))) {
      throw refuse(`a link to ${realPath}, outside the folder`);
    }
    const found = await stat(realPath, { bigint: true });
    if (!found.isFile()) throw refuse(kindOf(found));
    return { location, path, realPath, dev: found.dev, ino: found.ino };
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return path;
    if (code === 'ELOOP' || code === 'ENAMETOOLONG') throw refuse(reasonOf(cause), cause);
    if (code === 'EACCES') {
      throw new TransPruneError(
        'NOT_FOUND',
        `expected the model's weights at ${path}, got ${reasonOf(cause)}; check the permissions`,
        { path },
        { cause },
      );
    }
    throw cause;
  }
}
