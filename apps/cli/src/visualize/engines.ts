/** A model with its decoder as it is, and pruned so that it tells what it does. */
import type { PrunePlan } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';
import type { Model } from '@transprune/flops';
import { pruneModel, type StageTaps } from '@transprune/onnx';
import type { LocalEngine } from '@transprune/vlm';
import type { Surroundings } from '../model/find.js';
import { readOriginal } from '../model/original.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import type { BudgetOptions } from '../options/budget-options.js';
import type { DeviceOptions } from '../options/device-option.js';
import {
  type FittedChoice,
  type PlanOptions,
  planFor,
  planNotes,
} from '../options/plan-options.js';
import type { ThreadOptions } from '../options/thread-option.js';
import { waiting } from '../progress.js';

export type TappingOptions = PlanOptions & BudgetOptions & DeviceOptions & Partial<ThreadOptions>;

/** A decoder that gives out what its scores are made of. */
interface Tapped {
  readonly engine: LocalEngine;
  readonly taps: readonly StageTaps[];
}

export interface TappedEngines {
  readonly chosen: FittedChoice;
  /** What costs are counted with. */
  readonly model: Model;
  /** Unpruned. */
  readonly engine: LocalEngine;
  /** Lends the model with its decoder pruned by a plan. */
  withTaps<T>(plan: PrunePlan, use: (tapped: Tapped) => Promise<T>): Promise<T>;
}

/**
 * Lends a model's engines to `use`, and closes them when that ends, however it ends.
 *
 * @throws TransPruneError as `planFor`, `pruneModel` and `createEngine` do
 */
export async function withTappedEngines<T>(
  files: VlmFiles,
  options: TappingOptions,
  folders: TemporaryFolders,
  { terminal }: Surroundings,
  use: (engines: TappedEngines) => Promise<T>,
): Promise<T> {
  const [{ createNodeBackend }, { createEngine }] = await Promise.all([
    import('@transprune/backend-node'),
    import('@transprune/vlm'),
  ]);
  const { path, original, decoder, costing } = await readOriginal(files);
  const chosen = planFor(options, decoder, costing);
  for (const note of planNotes(chosen)) terminal.info(note);
  const { device, threads } = options;
  const backend = createNodeBackend({ threads });
  const engine = await waiting(terminal, 'opening the model', () =>
    createEngine({ files, backend, device }),
  );
  try {
    return await use({
      ...{ chosen, model: costing.model, engine },
      async withTaps(plan, useTapped) {
        const { model, report } = pruneModel(original, plan, { trace: true, taps: true });
        const tapped = await engine.withDecoder(await temporaryModel(model, path, folders));
        try {
          return await useTapped({ engine: tapped, taps: report.taps });
        } finally {
          await tapped.dispose();
        }
      },
    });
  } finally {
    await engine.dispose();
  }
}
