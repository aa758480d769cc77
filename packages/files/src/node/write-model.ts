/** Models written to files. Weights in external files are referred to, never read or copied. */
import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodePieces, type OnnxModel, relocateExternalData } from '@transprune/onnx';
import { orAborted } from './abort.js';
import { type ExternalFile, requireExternalData } from './external-data.js';
import { withLock } from './lock.js';
import { type DataPlacement, layOut, makeLinks, type PlannedData, planData } from './placement.js';
import { codeOf, isSystemError, reasonOf } from './system-errors.js';
import {
  alreadyThere,
  checkTarget,
  checkWhatIsThere,
  type IfExists,
  type Target,
  writeFailure,
} from './target.js';

export interface WriteOptions {
  /** The file that the model was read from; its external data is looked up from there. */
  readonly sourcePath: string;
  /** What to do with a file that is there already; `replace` if left out. */
  readonly ifExists?: IfExists;
  /**
   * Looks at the written model before it gets its name; if it throws, nothing is left behind, and what the
   * target was before stays.
   *
   * @param path the model under a temporary name, its data around it; undefined if this file system
   *   allows no links to the data
   */
  readonly check?: (path: string | undefined) => Promise<void>;
  /** Leaves nothing when it is aborted before the model has its name. */
  readonly signal?: AbortSignal;
}

/** Others may take a name that a link was planned for; then it is planned anew, this often. */
const mostAttempts = 20;

/**
 * Writes a model so that it finds the external data of the file that it came from: where it lies, or
 * through a hard link. First the data is linked, then the new file appears, complete. On failure nothing
 * is left behind, and nothing is removed that another writer uses.
 *
 * @returns how the new file refers to each data file; one that is `outside` does not load
 * @throws TransPruneError INVALID_ARGUMENT if the path is the source, one of its data files, a link
 *   that would be made, or a file that may not be replaced; NOT_FOUND if data is missing; INVALID_MODEL if
 *   data lies outside the source's folder; WRITE_FAILED with the system's reason
 */
export async function writeModelFile(
  model: OnnxModel,
  path: string,
  options: WriteOptions,
): Promise<DataPlacement[]> {
  const { sourcePath, ifExists = 'replace', signal } = options;
  const files = await requireExternalData(model, sourcePath);
  const inputs = [sourcePath, ...files.map((file) => file.path)];
  const target = await checkTarget(path, { inputs, ifExists });
  const workshop = join(target.folder, `.transprune-${randomUUID()}`);
  // At once, as the process may be about to end.
  const discard = () => removeNow(workshop);
  signal?.addEventListener('abort', discard, { once: true });
  try {
    signal?.throwIfAborted();
    return await writeIn(workshop, model, files, target, options);
  } catch (cause) {
    signal?.throwIfAborted();
    if (!isSystemError(cause)) throw cause;
    const remedy = 'check that the folder exists, is writable and has room';
    throw writeFailure(path, reasonOf(cause), remedy, cause);
  } finally {
    signal?.removeEventListener('abort', discard);
    await rm(workshop, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function writeIn(
  workshop: string,
  model: OnnxModel,
  files: readonly ExternalFile[],
  target: Target,
  { ifExists = 'replace', check, signal }: WriteOptions,
): Promise<DataPlacement[]> {
  await mkdir(workshop);
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const folder = join(workshop, `${attempt}`);
    const staging = join(folder, 'links');
    const candidate = join(folder, 'model', `${randomUUID()}.onnx`);
    await mkdir(staging, { recursive: true });
    await mkdir(dirname(candidate));
    const planned = await planData(files, target, staging);
    await writePieces(relocated(model, planned), candidate);
    if (check && attempt === 0) {
      const isComplete = await layOut(planned, dirname(candidate));
      await orAborted(check(isComplete ? candidate : undefined), signal);
    }
    signal?.throwIfAborted();
    await checkWhatIsThere(join(target.folder, target.name), target.path, ifExists);
    const needsLock = planned.some(({ placement }) => placement === 'linked');
    const publishNow = () => publish(candidate, planned, target, ifExists);
    const placements = needsLock
      ? await withLock(join(target.folder, '.transprune.lock'), publishNow, {
          ...(signal && { signal }),
        })
      : publishNow();
    if (placements) return [...placements];
  }
  throw writeFailure(target.path, 'others who took each name for its data', 'try again');
}

function relocated(model: OnnxModel, planned: readonly PlannedData[]): OnnxModel {
  const locations = new Map(planned.map(({ file, location }) => [file.location, location]));
  return relocateExternalData(model, (location) => locations.get(location) ?? location);
}

async function writePieces(model: OnnxModel, path: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const piece of encodePieces(model)) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Links the data, and gives the model its name. Synchronous: between a link and the model that uses it, or
 * a failure that takes it back, no other writer of this process has a turn.
 *
 * @returns undefined if a name for a link is another's by now
 */
function publish(
  candidate: string,
  planned: readonly PlannedData[],
  target: Target,
  ifExists: IfExists,
): readonly DataPlacement[] | undefined {
  const links = makeLinks(planned, target.folder);
  if (!links) return undefined;
  try {
    const path = join(target.folder, target.name);
    if (ifExists === 'refuse') moveToFreeName(candidate, path, target.path);
    else renameSync(candidate, path);
    return links.placements;
  } catch (error) {
    links.undo();
    throw error;
  }
}

/** Unlike a rename, a hard link never replaces what is there. */
function moveToFreeName(from: string, to: string, path: string): void {
  try {
    linkSync(from, to);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw alreadyThere(path);
    // A file system without hard links: the next best.
    if (lstatSync(to, { throwIfNoEntry: false })) throw alreadyThere(path);
    renameSync(from, to);
  }
}

function removeNow(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Still open on some systems; it is removed when the work ends.
  }
}
