import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { decodeModel, externalLocations, type OnnxModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/runtime';
import { checkModelFile, missingExternalData, readModelFile } from './model-file.js';

/**
 * Looks for what is wrong with a model that did not open, beyond what the runtime says.
 *
 * @throws TransPruneError NOT_FOUND for a missing model or data file, INVALID_MODEL for one that does
 *   not parse or is cut off
 */
export async function checkModel(source: ModelSource): Promise<void> {
  if ('bytes' in source) {
    const model = decodeModel(source.bytes);
    const missing = externalLocations(model).filter((name) => !source.externalData?.[name]);
    if (missing.length > 0) throw missingData(missing, 'pass them as externalData');
    return;
  }
  await checkModelFile(source.path);
  const model = await readModelFile(source.path);
  const folder = dirname(source.path);
  const missing = await missingExternalData(model, folder);
  if (missing.length > 0) {
    throw missingData(
      missing.map((location) => resolve(folder, location)),
      `${source.path} keeps its weights there, so the files must stay together`,
    );
  }
  for (const [location, bytes] of externalSizes(model)) {
    const path = resolve(folder, location);
    const { size } = await stat(path);
    if (size < bytes) {
      throw new TransPruneError(
        'INVALID_MODEL',
        `expected at least ${bytes} bytes in ${path}, got ${size}: the file is cut off; fetch it again`,
        { path, expected: bytes, found: size },
      );
    }
  }
}

function missingData(files: readonly string[], remedy: string): TransPruneError {
  return new TransPruneError(
    'NOT_FOUND',
    `the model's weights are missing: ${files.join(', ')}; ${remedy}`,
    { files },
  );
}

/** Bytes that each external file must have at least. */
function externalSizes(model: OnnxModel): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { externalData } of model.graph?.initializer ?? []) {
    const entry = Object.fromEntries(externalData.map(({ key, value }) => [key, value]));
    if (entry.location === undefined) continue;
    const end = Number(entry.offset ?? 0) + Number(entry.length ?? 0);
    sizes.set(entry.location, Math.max(end, sizes.get(entry.location) ?? 0));
  }
  return sizes;
}
