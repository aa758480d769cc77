/**
 * Rewritten models that stay: each lies in a folder of its own beside links to its data. A folder is named by
 * what is in it, so that nothing that is there can be stale, and it appears complete, so that two processes
 * may write the same one at once.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { encodePieces, type OnnxModel } from '@transprune/onnx';
import { type ExternalFile, requireExternalData } from './external-data.js';
import { defaultCacheFolder } from './hub/environment.js';
import { removeOldest, use } from './kept-models.js';
import { identityOf, isSame } from './paths.js';
import { codeOf, isSystemError, reasonOf } from './system-errors.js';
import { writeFailure } from './target.js';
import { writeModelFile } from './write-model.js';

/**
 * Keeps a rewritten model: in the folder of caches or, where that is on another file system than its weights,
 * in `.transprune` beside them. Each of these folders keeps the latest ones, within `mostKeptModels` and
 * `mostKeptBytes`.
 *
 * @param sourcePath the file that the model was read from
 * @returns path of a file that onnxruntime can open
 * @throws TransPruneError as `requireExternalData` does; WRITE_FAILED if no folder will do
 */
export async function keepModel(model: OnnxModel, sourcePath: string): Promise<string> {
  const data = await requireExternalData(model, sourcePath);
  const content = { name: nameOf(model, data), data };
  const beside = join(dirname(resolve(sourcePath)), '.transprune');
  let failure: unknown;
  for (const root of [join(defaultCacheFolder(), 'rewritten'), beside]) {
    try {
      const path = await keepIn(root, model, content, sourcePath);
      if (path !== undefined) return path;
    } catch (cause) {
      if (!isWriteFailure(cause)) throw cause;
      failure ??= cause;
    }
  }
  throw writeFailure(
    sourcePath,
    failure ? reasonOf(failure) : 'weights that cannot be linked to from there',
    'set TRANSPRUNE_CACHE to a folder that can be written, on the file system of the model',
    failure,
  );
}

/** What a folder has to hold. */
interface Content {
  readonly name: string;
  readonly data: readonly ExternalFile[];
}

/** Names the model and its data files: the same name is the same model with the same weights. */
function nameOf(model: OnnxModel, data: readonly ExternalFile[]): string {
  const hash = createHash('sha256');
  for (const piece of encodePieces(model)) hash.update(piece);
  for (const { location, dev, ino } of data) hash.update(`\n${location} ${dev} ${ino}`);
  return hash.digest('hex');
}

/** @returns undefined where the data cannot be linked */
async function keepIn(
  root: string,
  model: OnnxModel,
  content: Content,
  sourcePath: string,
): Promise<string | undefined> {
  const folder = join(root, content.name);
  const file = `${content.name}.onnx`;
  const kept = () => isComplete(folder, file, content);
  if (await use(root, content.name, kept)) return join(folder, file);
  const made = join(root, `.transprune-${randomUUID()}`);
  await mkdir(made, { recursive: true });
  try {
    const placements = await writeModelFile(model, join(made, file), { sourcePath });
    if (placements.some(({ placement }) => placement === 'outside')) return undefined;
    await moveTo(folder, made, kept);
    await removeOldest(root);
    return join(folder, file);
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** True for a folder that holds the model and links to its very data. */
async function isComplete(folder: string, file: string, { data }: Content): Promise<boolean> {
  const model = await stat(join(folder, file)).catch(() => undefined);
  if (!model?.isFile()) return false;
  const names = await readdir(folder);
  const there = await Promise.all(names.map((name) => identityOf(join(folder, name))));
  return data.every((wanted) => there.some((found) => found && isSame(found, wanted)));
}

/** Gives a folder its name, unless another process was faster; what is broken makes way. */
async function moveTo(folder: string, made: string, kept: () => Promise<boolean>): Promise<void> {
  try {
    await rename(made, folder);
  } catch (cause) {
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(codeOf(cause) ?? '')) throw cause;
    if (await kept()) return;
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
  }
}

const isWriteFailure = (cause: unknown) =>
  isSystemError(cause) || (TransPruneError.isInstance(cause) && cause.code === 'WRITE_FAILED');
