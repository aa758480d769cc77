/** `prune --verify`: the pruned decoder gets its name only if it is what it should be. */
import { nodeBackend } from '@transprune/backend-node';
import { type PrunePlan, TransPruneError } from '@transprune/core';
import type { OnnxModel, PruneOptions } from '@transprune/onnx';
import type { VerifyReport } from '@transprune/verify';
import type { Io } from '../io.js';
import { temporaryModel, withTemporaryFolders } from '../model/temporary.js';
import { showVerification } from '../show/verification.js';
import type { Terminal } from '../terminal.js';

export interface Verified {
  readonly original: OnnxModel;
  /** Where the original was read from. */
  readonly path: string;
  readonly plan: PrunePlan;
  readonly options: PruneOptions;
  readonly device: string;
}

/**
 * Verifies a pruned decoder.
 *
 * @param file the decoder as it was written; left out: as it would be
 * @throws TransPruneError VERIFICATION_FAILED, after a table on stderr; its data holds the report
 */
export async function verify(
  { original, path, plan, options, device }: Verified,
  file: string | undefined,
  terminal: Terminal,
  io: Io,
): Promise<VerifyReport> {
  const { verifyPruned } = await import('@transprune/verify');
  const report = await withTemporaryFolders(io, (folders) =>
    verifyPruned({
      original,
      plan,
      options,
      ...(file !== undefined && { pruned: { path: file } }),
      backend: nodeBackend,
      device,
      place: (model) => temporaryModel(model, path, folders),
      onProgress: (step) => terminal.info(`verifying: ${step}`),
    }),
  );
  if (report.passed) return report;
  terminal.explain(showVerification(report));
  const failed = report.checks.filter(({ passed }) => !passed).map(({ name }) => name);
  throw new TransPruneError(
    'VERIFICATION_FAILED',
    `expected a pruned decoder that passes every check, got one that fails ${failed.length} of ${report.checks.length} (${failed.join('; ')}); nothing was written, please report this with the model's origin`,
    { ...report },
  );
}
