/** Benchmarks that were run here or brought along. */
import { signal } from '@preact/signals';
import { type BenchDocument, parseBench } from '@transprune/bench';
import type { BenchProgress, BenchRequest, BenchWorker } from '../worker/bench-protocol.js';
import { reasonOf } from './load.js';
import { saveFile } from './save-trace.js';
import { ended, type ShortWorker, shortWorker } from './short-worker.js';
import { status } from './store.js';

export interface ShownBench {
  readonly name: string;
  readonly document: BenchDocument;
}

/** What is chosen in the form. */
export const benchRequest = signal<Omit<BenchRequest, 'page'>>({
  shape: 'smolvlm-256m',
  precision: 'int4',
  device: 'gpu' in navigator ? 'webgpu' : 'wasm',
  preset: 'transprune-high',
  runs: 9,
});

/** The last first. */
export const benches = signal<readonly ShownBench[]>([]);
export const benchProgress = signal<BenchProgress | undefined>(undefined);
export const benchFailure = signal<string | undefined>(undefined);

let worker: ShortWorker<BenchWorker> | undefined;

/** Runs what is chosen in a worker of its own; nothing happens while another one runs. */
export async function runBench(): Promise<void> {
  if (benchProgress.value) return;
  const { value: request } = benchRequest;
  benchFailure.value = undefined;
  benchProgress.value = { doing: 'starting', share: 0 };
  worker = shortWorker(
    new Worker(new URL('../worker/bench-worker.ts', import.meta.url), { type: 'module' }),
  );
  const onProgress = (progress: BenchProgress) => {
    if (benchProgress.value) benchProgress.value = progress;
  };
  try {
    const page = new URL('.', document.baseURI).href;
    show(
      'measured here',
      await worker.call(({ bench }, callback) => bench({ ...request, page }, callback(onProgress))),
    );
  } catch (error) {
    if (error === ended) status.value = 'The benchmark was stopped';
    else fail(reasonOf(error));
  } finally {
    worker.end();
    benchProgress.value = undefined;
  }
}

export function stopBench(): void {
  worker?.end();
}

/** Shows a benchmark's file. */
export async function showBenchFile(file: File): Promise<void> {
  try {
    showBench(await file.text(), file.name);
  } catch (error) {
    fail(`${file.name} cannot be read: ${reasonOf(error)}`);
  }
}

/** Shows a benchmark's JSON. */
export function showBench(text: string, name: string): void {
  benchFailure.value = undefined;
  try {
    show(name, parseBench(text));
  } catch (error) {
    fail(`${name}: ${firstFault(reasonOf(error))}`);
  }
}

export function saveBench({ document }: ShownBench): void {
  saveFile(`${JSON.stringify(document, undefined, 2)}\n`, 'bench.json', 'application/json');
}

/** A file that is something else has as many faults as a benchmark has fields. */
function firstFault(reason: string): string {
  const [head = '', first, ...others] = reason.split(/\s*✖\s*/);
  if (first === undefined) return reason;
  return `${head} ${first.replace(/\s+/g, ' ')}${others.length > 0 ? `; and ${others.length} more` : ''}`;
}

function show(name: string, document: BenchDocument): void {
  benches.value = [{ name, document }, ...benches.value];
  status.value = `Benchmark of ${document.model} on ${document.device}: ${document.speedup.toFixed(2)} times the speed of the unpruned prefill`;
}

function fail(reason: string): void {
  benchFailure.value = reason;
  status.value = `No benchmark: ${reason}`;
}
