/** Files that live as long as a piece of work does. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { encodeModel, externalLocations, type OnnxModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';
import { type ExternalFile, requireExternalData } from './external-data.js';
import { reasonOf } from './system-errors.js';
import { writeModelFile } from './write-model.js';

/** Folders that are removed when they are no longer needed, also on an interruption. */
export interface TemporaryFolders {
  /** Makes an empty folder in `parent`, the system's folder for such if left out. */
  create(parent?: string): Promise<string>;
}

/**
 * Lends folders to `use` and removes them when it ends, however it ends.
 *
 * @param signal removes them at once when it is aborted
 */
export async function withTemporaryFolders<T>(
  signal: AbortSignal,
  use: (folders: TemporaryFolders) => Promise<T>,
): Promise<T> {
  const { create, made, remove } = temporaryFolders();
  const removeNow = () => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  };
  signal.addEventListener('abort', removeNow, { once: true });
  try {
    return await use({
      async create(parent) {
        const folder = await create(parent);
        // The interruption may have come in between.
        if (signal.aborted) removeNow();
        return folder;
      },
    });
  } finally {
    signal.removeEventListener('abort', removeNow);
    await remove();
  }
}

/** Folders that whoever asked for them removes. */
export function temporaryFolders() {
  const made: string[] = [];
  return {
    made: made as readonly string[],
    async create(parent = tmpdir()): Promise<string> {
      const folder = await mkdtemp(join(parent, '.transprune-'));
      made.push(folder);
      return folder;
    },
    async remove(): Promise<void> {
      await Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })));
    },
  } satisfies TemporaryFolders & Record<string, unknown>;
}

/**
 * A rewritten model that a session can be opened from. If its weights are in files, they are linked
 * into a temporary folder; where no folder on their file system can be written, they are read.
 *
 * @param sourcePath the file that the model was read from
 * @throws TransPruneError as `requireExternalData` does; WRITE_FAILED if the weights can be neither linked
 *   nor read
 */
export async function temporaryModel(
  model: OnnxModel,
  sourcePath: string,
  folders: TemporaryFolders,
): Promise<ModelSource> {
  if (externalLocations(model).length === 0) return { bytes: encodeModel(model) };
  const data = await requireExternalData(model, sourcePath);
  for (const parent of [tmpdir(), dirname(resolve(sourcePath))]) {
    const path = await writeInto(model, sourcePath, () => folders.create(parent));
    if (path !== undefined) return { path };
  }
  const files = data.map(async (file) => [file.location, await readAll(file)] as const);
  return { bytes: encodeModel(model), externalData: Object.fromEntries(await Promise.all(files)) };
}

async function readAll({ path, realPath }: ExternalFile): Promise<Uint8Array> {
  try {
    return await readFile(realPath);
  } catch (cause) {
    throw new TransPruneError(
      'WRITE_FAILED',
      `expected a folder that can be written on the file system of ${path}, to link it there, or a file that can be read as a whole, got ${reasonOf(cause)}; copy the model to a folder of your own`,
      { path },
      { cause },
    );
  }
}

/** Path of the written model; undefined if it would not find its weights from there. */
async function writeInto(
  model: OnnxModel,
  sourcePath: string,
  makeFolder: () => Promise<string>,
): Promise<string | undefined> {
  const folder = await makeFolder().catch(() => undefined);
  if (folder === undefined) return undefined;
  // No data file is called so.
  const path = join(folder, `${randomUUID()}.onnx`);
  const placements = await writeModelFile(model, path, { sourcePath });
  return placements.every(({ placement }) => placement !== 'outside') ? path : undefined;
}
