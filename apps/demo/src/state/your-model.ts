/** A decoder of the user's, as a file: what it is made of, and the same file pruned. */
import { signal } from '@preact/signals';
import type { ModelReport, ModelWorker, PlanChoice, PrunedFile } from '../worker/model-protocol.js';
import { saveFile } from './save-trace.js';
import { type ShortWorker, shortWorker } from './short-worker.js';
import { status } from './store.js';
import { task } from './task.js';

export interface YourModel {
  readonly name: string;
  readonly report: ModelReport;
  /** What was downloaded last. */
  readonly pruned?: Omit<PrunedFile, 'bytes'>;
}

export const planChoice = signal<PlanChoice>({ preset: 'transprune-high', method: 'transprune' });
export const yourModel = signal<YourModel | undefined>(undefined);
const modelTask = task<{ readonly doing: string }>();
export const { progress: modelBusy, failure: modelFailure } = modelTask;

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
  const [asked, reader] = [file, worker];
  if (!asked || !reader) return;
  await modelTask.run({ doing: `reading ${asked.name}` }, async () => {
    const report = await reader.call(({ inspect }) => inspect(asked, planChoice.value));
    if (asked !== file) return;
    yourModel.value = { name: asked.name, report };
    const { prunable, reason } = report.inspection;
    status.value = prunable ? `${asked.name} can be pruned` : `Not prunable: ${reason}`;
  });
}

/** Prunes the file and downloads the result; nothing happens while something is done with it. */
export async function downloadPruned(): Promise<void> {
  const { value: current } = yourModel;
  const pruner = worker;
  if (!current || !pruner || modelBusy.value) return;
  await modelTask.run({ doing: `pruning ${current.name}` }, async () => {
    const { bytes, ...pruned } = await pruner.call(({ prune }) => prune(planChoice.value));
    const name = prunedName(current.name);
    saveFile(bytes, name, 'application/octet-stream');
    yourModel.value = { ...current, pruned };
    status.value = `${name} is downloaded`;
  });
}

export const prunedName = (name: string) => `${name.replace(/\.onnx$/i, '')}.pruned.onnx`;
