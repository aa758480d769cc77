import { TransPruneError } from '@transprune/core';
import { type OnnxModel, readPlan } from '@transprune/onnx';

/** @throws TransPruneError UNSUPPORTED_MODEL for a decoder that is pruned already */
export function refusePruned(model: OnnxModel, path: string): void {
  if (!readPlan(model)) return;
  throw new TransPruneError(
    'UNSUPPORTED_MODEL',
    `expected ${path} to be a decoder that is not pruned yet, found one with a plan in its metadata; start from the original file`,
    { path },
  );
}
