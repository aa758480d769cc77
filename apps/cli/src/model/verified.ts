/** Files that appear under their name only once they are verified. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { type DataPlacement, writeModelFile } from '@transprune/files/node';
import { externalLocations, type OnnxModel } from '@transprune/onnx';
import type { Io } from '../io.js';
import { finishFirst } from '../pending.js';

/**
 * Writes a model beside its target, has it checked, and gives it its name. If the check throws, or the
 * user interrupts, nothing is left behind, and what the target was before stays.
 *
 * @param sourcePath the file that the model was made from
 * @param verify throws if the file is not what it should be
 * @throws TransPruneError as `writeModelFile` does, and whatever `verify` throws
 */
export async function writeVerified(
  model: OnnxModel,
  output: string,
  sourcePath: string,
  io: Io,
  verify: (path: string) => Promise<void>,
): Promise<DataPlacement[]> {
  const target = resolve(output);
  const weights = externalLocations(model).map((name) => resolve(dirname(sourcePath), name));
  if (weights.includes(target)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected another file than ${output} to write to, got the one that holds the model's weights`,
      { path: output },
    );
  }
  const candidate = join(dirname(target), `.${basename(target)}.${randomUUID()}.onnx`);
  const placements = await finishFirst(writeModelFile(model, candidate, { sourcePath }));
  const discard = () => {
    rmSync(candidate, { force: true });
    for (const { made, location } of placements) {
      if (made) rmSync(join(dirname(target), location), { force: true });
    }
  };
  io.signal.addEventListener('abort', discard, { once: true });
  try {
    // The interruption may have come in between.
    io.signal.throwIfAborted();
    await verify(candidate);
    io.signal.throwIfAborted();
    await rename(candidate, target).catch((cause: unknown) => {
      throw new TransPruneError(
        'WRITE_FAILED',
        `expected to write ${output}, got ${cause instanceof Error ? cause.message : cause}; name a file`,
        { path: output },
        { cause },
      );
    });
    return placements;
  } catch (error) {
    discard();
    throw error;
  } finally {
    io.signal.removeEventListener('abort', discard);
  }
}
