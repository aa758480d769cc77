/** Rewritten models that sessions are opened from, weights left where they are. */
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { encodeModel, externalLocations, type OnnxModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';
import { writeModelFile } from './model-file.js';

/**
 * A rewritten model as a session can be opened from it. If its weights are in files, they are linked into a
 * new folder; where no folder on their file system can be written, they are read.
 *
 * @param sourcePath the file that the model was read from
 * @param createFolder makes an empty folder in the given one; whoever calls removes it
 */
export async function rewrittenModel(
  model: OnnxModel,
  sourcePath: string,
  createFolder: (parent: string) => Promise<string>,
): Promise<ModelSource> {
  const locations = externalLocations(model);
  if (locations.length === 0) return { bytes: encodeModel(model) };
  const home = dirname(resolve(sourcePath));
  for (const parent of [tmpdir(), home]) {
    const path = await writeInto(model, sourcePath, () => createFolder(parent));
    if (path !== undefined) return { path };
  }
  const files = locations.map(async (name) => [name, await readFile(resolve(home, name))] as const);
  return { bytes: encodeModel(model), externalData: Object.fromEntries(await Promise.all(files)) };
}

/** Path of the written model; undefined if it would not find its weights from there. */
async function writeInto(
  model: OnnxModel,
  sourcePath: string,
  makeFolder: () => Promise<string>,
): Promise<string | undefined> {
  const folder = await makeFolder().catch(() => undefined);
  if (folder === undefined) return undefined;
  const path = join(folder, 'decoder.onnx');
  const placements = await writeModelFile(model, path, { sourcePath });
  return placements.every(({ placement }) => placement !== 'outside') ? path : undefined;
}
