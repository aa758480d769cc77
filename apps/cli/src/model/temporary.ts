/** Files that live as long as a command does. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxModel } from '@transprune/onnx';
import type { ModelSource } from '@transprune/session';
import type { Io } from '../io.js';

/** Folders that are removed when they are no longer needed, also on an interruption. */
export interface TemporaryFolders {
  /** Makes an empty folder in `parent`. */
  create(parent?: string): Promise<string>;
}

/** Lends folders to `use` and removes them when it ends, however it ends. */
export async function withTemporaryFolders<T>(
  io: Io,
  use: (folders: TemporaryFolders) => Promise<T>,
): Promise<T> {
  const made: string[] = [];
  const removeNow = () => {
    for (const folder of made) rmSync(folder, { recursive: true, force: true });
  };
  io.signal.addEventListener('abort', removeNow, { once: true });
  try {
    return await use({
      async create(parent = tmpdir()) {
        const folder = await mkdtemp(join(parent, '.transprune-'));
        made.push(folder);
        // The interruption may have come in between.
        if (io.signal.aborted) removeNow();
        return folder;
      },
    });
  } finally {
    io.signal.removeEventListener('abort', removeNow);
    await Promise.all(made.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

/**
 * A rewritten model that a session can be opened from; its weights stay where they are.
 *
 * @param sourcePath the file that the model was read from
 */
export async function temporaryModel(
  model: OnnxModel,
  sourcePath: string,
  folders: TemporaryFolders,
): Promise<ModelSource> {
  const { rewrittenModel } = await import('@transprune/files/node');
  return rewrittenModel(model, sourcePath, (parent) => folders.create(parent));
}
