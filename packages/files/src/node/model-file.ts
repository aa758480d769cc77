/** Models as files. Weights in external files are referred to, never read or copied. */
import { randomUUID } from 'node:crypto';
import { access, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import {
  decodeModel,
  encodePieces,
  externalLocations,
  type OnnxModel,
  relocateExternalData,
} from '@transprune/onnx';
import { type DataPlacement, placeExternalData } from './external-data.js';

/** Protocol Buffers, and so ONNX files, end here; larger weights must be in external files. */
const maximumModelBytes = 2 ** 31 - 1;

/**
 * Reads an ONNX file; external data stays where it is.
 *
 * @throws TransPruneError NOT_FOUND if there is no such file, INVALID_MODEL if it is none that parses
 */
export async function readModelFile(path: string): Promise<OnnxModel> {
  await checkModelFile(path);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected to read the model ${path}, got ${reasonOf(cause)}; check its permissions`,
      { path },
      { cause },
    );
  }
  try {
    return decodeModel(bytes);
  } catch (cause) {
    if (!TransPruneError.isInstance(cause)) throw cause;
    throw new TransPruneError(
      cause.code,
      `${path}: ${cause.message}`,
      { ...cause.data, path },
      { cause },
    );
  }
}

/**
 * Makes sure that a path leads to a file of a possible size.
 *
 * @throws TransPruneError NOT_FOUND if there is nothing, INVALID_MODEL for a folder or over 2 GiB
 */
export async function checkModelFile(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a model at ${path}, got ${reasonOf(cause)}; check the path`,
      { path },
      { cause },
    );
  });
  if (found.isDirectory()) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${path} to be an ONNX file, got a folder; name the .onnx file in it`,
      { path },
    );
  }
  if (found.size > maximumModelBytes) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${path} to be an ONNX file of under 2 GiB, got ${found.size} bytes; larger models keep their weights in an external data file, so name the .onnx file beside it`,
      { path, bytes: found.size },
    );
  }
}

/** Files with weights that a model asks for and that are not there, as the model names them. */
export async function missingExternalData(model: OnnxModel, folder: string): Promise<string[]> {
  const checked = await Promise.all(
    externalLocations(model).map(async (location) => ({
      location,
      found: await exists(resolve(folder, location)),
    })),
  );
  return checked.filter(({ found }) => !found).map(({ location }) => location);
}

export interface WriteOptions {
  /** The file that the model was read from; its external data is looked up from there. */
  readonly sourcePath: string;
}

/**
 * Writes a model so that it finds the external data of the file that it came from: where it lies, or
 * through a hard link. The new file appears when it is complete; on failure nothing is left behind.
 *
 * @returns how the new file refers to each data file; one that is `outside` does not load
 * @throws TransPruneError INVALID_ARGUMENT if the path is one of the model's own data files,
 *   NOT_FOUND if one of those is missing, WRITE_FAILED with the system's reason
 */
export async function writeModelFile(
  model: OnnxModel,
  path: string,
  { sourcePath }: WriteOptions,
): Promise<DataPlacement[]> {
  const target = resolve(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  const placements = new Map<string, DataPlacement>();
  try {
    for (const location of externalLocations(model)) {
      const data = resolve(dirname(sourcePath), location);
      await checkData(data, target);
      placements.set(location, await placeExternalData(data, dirname(target)));
    }
    const moved = relocateExternalData(
      model,
      (location) => placements.get(location)?.location ?? location,
    );
    const file = await open(temporary, 'wx');
    try {
      for (const piece of encodePieces(moved)) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    return [...placements.values()];
  } catch (cause) {
    await rm(temporary, { force: true });
    for (const { made, location } of placements.values()) {
      if (made) await rm(join(dirname(target), location), { force: true });
    }
    if (TransPruneError.isInstance(cause)) throw cause;
    throw new TransPruneError(
      'WRITE_FAILED',
      `expected to write ${path}, got ${reasonOf(cause)}; check that the folder exists, is writable and has room`,
      { path },
      { cause },
    );
  }
}

/** Refuses data that is missing, or that the new model would overwrite. */
async function checkData(data: string, target: string): Promise<void> {
  if (data === target) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected another file than ${target} to write to, got the one that holds the model's weights`,
      { path: target },
    );
  }
  if (!(await exists(data))) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected the model's weights at ${data}, got no such file; put it beside the model again`,
      { path: data },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The system's words for what went wrong with a file. */
function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file or folder';
    case 'ENOTDIR':
      return 'a path through something that is no folder';
    case 'EACCES':
    case 'EPERM':
      return 'no permission';
    case 'EISDIR':
      return 'a folder';
    case 'ENOSPC':
      return 'a full disk';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
