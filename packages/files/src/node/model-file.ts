/** Models read from files. Weights in external files stay where they are. */
import { readFile, stat } from 'node:fs/promises';
import { TransPruneError } from '@transprune/core';
import { decodeModel, type OnnxModel } from '@transprune/onnx';
import { kindOf } from './paths.js';
import { reasonOf } from './system-errors.js';

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
 * @throws TransPruneError NOT_FOUND if there is nothing, INVALID_MODEL for a folder, a device or a pipe,
 *   and over 2 GiB
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
  if (!found.isFile()) {
    const remedy = found.isDirectory() ? 'name the .onnx file in it' : 'name the .onnx file';
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${path} to be an ONNX file, got ${kindOf(found)}; ${remedy}`,
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
