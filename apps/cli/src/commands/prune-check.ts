/** What `prune` checks: the pruned decoder gets its name only if it is what it should be. */
import { stat } from 'node:fs/promises';
import { freemem } from 'node:os';
import { createNodeBackend } from '@transprune/backend-node';
import { type PrunePlan, TransPruneError } from '@transprune/core';
import type { ExternalFile } from '@transprune/files/node';
import type { OnnxModel, PruneOptions } from '@transprune/onnx';
import type { VerifyReport } from '@transprune/verify';
import { type Command, Option } from 'commander';
import type { Io } from '../io.js';
import { temporaryModel, withTemporaryFolders } from '../model/temporary.js';
import { addDeviceOption, type DeviceOptions } from '../options/device-option.js';
import { countdown } from '../progress.js';
import { bytes } from '../show/units.js';
import { showVerification } from '../show/verification.js';
import type { Terminal } from '../terminal.js';

export interface CheckOptions extends DeviceOptions {
  /** False: nothing is checked. */
  readonly check: boolean;
  /** Thoroughly. */
  readonly verify?: boolean;
}

/** Adds `--no-check`, `--verify` and `--device`. */
export function addCheckOptions(command: Command): Command {
  command
    .addOption(
      new Option('--no-check', 'write the pruned decoder without running it').conflicts('device'),
    )
    .addOption(
      new Option(
        '--verify',
        'run it against the original thoroughly, which takes minutes, in place of the quick check',
      ).conflicts('check'),
    );
  return addDeviceOption(command, 'what runs the checks');
}

/** What is checked. */
export interface Subject {
  readonly original: OnnxModel;
  /** Where the original was read from. */
  readonly path: string;
  /** Its weights in files of their own. */
  readonly data: readonly ExternalFile[];
  readonly plan: PrunePlan;
  readonly options: PruneOptions;
}

/** @param file the decoder as it was written; left out: as it would be */
export type Check = (file?: string) => Promise<VerifyReport | null>;

/** A quick check takes seconds: weights of more bytes take longer to be read, four times. */
const mostQuickBytes = 4e9;

/**
 * The check that was asked for: a quick one unless the user says otherwise.
 *
 * @returns undefined if nothing is to be checked; the check answers null where it would take more than seconds, or
 *   more memory than there is, which it says. It throws VERIFICATION_FAILED, after a table on stderr; the error's data holds
 *   the report
 */
export function checkOf(
  subject: Subject,
  { check, verify = false, device }: CheckOptions,
  terminal: Terminal,
  io: Io,
): Check | undefined {
  if (!check) return undefined;
  return async (file) => {
    if (!verify && !(await isQuick(subject, terminal))) return null;
    return runCheck(subject, file, { quick: !verify, device }, terminal, io);
  };
}

async function isQuick({ data, path }: Subject, terminal: Terminal): Promise<boolean> {
  const files = [path, ...data.map((file) => file.realPath)];
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const size = sizes.reduce((sum, each) => sum + each, 0);
  const most = Math.min(mostQuickBytes, freemem() / 2);
  if (size <= most) return true;
  terminal.warn(
    `not checked: with ${bytes(size)} of weights it would take more than seconds, or more than half of the free memory (${bytes(freemem())}); --verify checks all the same`,
  );
  return false;
}

async function runCheck(
  { original, path, plan, options }: Subject,
  file: string | undefined,
  { quick, device }: { readonly quick: boolean; readonly device: string },
  terminal: Terminal,
  io: Io,
): Promise<VerifyReport> {
  const { verifyPruned } = await import('@transprune/verify');
  terminal.info(
    quick
      ? 'checking the pruned decoder against the original on a short prompt (--verify does it thoroughly, --no-check leaves it out)'
      : 'verifying the pruned decoder against the original',
  );
  let begin: ((done: number) => void) | undefined;
  const report = await withTemporaryFolders(io, (folders) =>
    verifyPruned({
      ...{ original, plan, options, quick, device },
      ...(file !== undefined && { pruned: { path: file } }),
      backend: createNodeBackend(),
      place: (model) => temporaryModel(model, path, folders),
      onProgress(step, done, all) {
        terminal.detail(step);
        begin ??= countdown(terminal, 'check', all);
        begin(done);
      },
    }),
  ).catch(withRemedy);
  terminal.progress('');
  if (report.passed) return report;
  terminal.explain(showVerification(report));
  const failed = report.checks.filter(({ passed }) => !passed).map(({ name }) => name);
  throw new TransPruneError(
    'VERIFICATION_FAILED',
    `expected a pruned decoder that passes every check, got one that fails ${failed.length} of ${report.checks.length} (${failed.join('; ')}); nothing was written, please report this with the model's origin`,
    { ...report },
  );
}

/** What an original that does not run is told besides: the pruned decoder may be fine. */
function withRemedy(error: unknown): never {
  if (!TransPruneError.isInstance(error) || error.code !== 'UNSUPPORTED_MODEL') throw error;
  const remedy = '--device names another device to run it on, --no-check leaves the check out';
  throw new TransPruneError(error.code, `${error.message} (${remedy})`, error.data, {
    cause: error,
  });
}
