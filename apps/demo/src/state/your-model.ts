/** A decoder of the user's, as a file: what it is made of, and the same file pruned. */
import { signal } from '@preact/signals';
import type { ModelReport, ModelWorker, PlanChoice, PrunedFile } from '../worker/model-protocol.js';
import { reasonOf } from './load.js';
import { saveFile } from './save-trace.js';
import { type ShortWorker, shortWorker } from './short-worker.js';
import { status } from './store.js';

export interface YourModel {
  readonly name: string;
  readonly report: ModelReport;
  /** What was downloaded last. */
  readonly pruned?: Omit<PrunedFile, 'bytes'>;
}

export const planChoice = signal<PlanChoice>({ preset: 'transprune-high', method: 'transprune' });
export const yourModel = signal<YourModel | undefined>(undefined);
/** What is being done; undefined while nothing is. */
export const modelBusy = signal<string | undefined>(undefined);
export const modelFailure = signal<string | undefined>(undefined);

let worker: ShortWorker<ModelWorker> | undefined;
let file: File | undefined;

/** Reads a decoder's file, which stays in this browser. */
export function readModel(chosen: File): Promise<void> {
  file = chosen;
  yourModel.value = undefined;
  worker?.end();
  worker = shortWorker(
    new Worker(new URL('../worker/model-worker.ts', import.meta.url), { type: 'module' }),
  );
  return inspect();
}

/** Tries another plan on the file. */
export function choosePlan(change: Partial<PlanChoice>): void {
  planChoice.value = { ...planChoice.value, ...change };
  if (file) void inspect();
}

async function inspect(): Promise<void> {
  const asked = file;
  if (!asked) return;
  await busy(`reading ${asked.name}`, async (remote) => {
    const report = await remote.call(({ inspect }) => inspect(asked, planChoice.value));
    if (asked !== file) return;
    yourModel.value = { name: asked.name, report };
    const { prunable, reason } = report.inspection;
    status.value = prunable ? `${asked.name} can be pruned` : `Not prunable: ${reason}`;
  });
}

/** Prunes the file and downloads the result. */
export async function downloadPruned(): Promise<void> {
  const { value: current } = yourModel;
  if (!current) return;
  await busy(`pruning ${current.name}`, async (remote) => {
    const { bytes, ...pruned } = await remote.call(({ prune }) => prune(planChoice.value));
    const name = prunedName(current.name);
    saveFile(bytes, name, 'application/octet-stream');
    yourModel.value = { ...current, pruned };
    status.value = `${name} is downloaded`;
  });
}

export const prunedName = (name: string) => `${name.replace(/\.onnx$/i, '')}.pruned.onnx`;

async function busy(
  doing: string,
  run: (remote: ShortWorker<ModelWorker>) => Promise<void>,
): Promise<void> {
  if (!worker) return;
  modelFailure.value = undefined;
  modelBusy.value = doing;
  status.value = doing;
  try {
    await run(worker);
  } catch (error) {
    modelFailure.value = reasonOf(error);
    status.value = modelFailure.value;
  } finally {
    modelBusy.value = undefined;
  }
}
