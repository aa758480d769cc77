/** Loads the model. */
import { effect } from '@preact/signals';
import { deviceTitles } from '../words/devices.js';
import { megabytes } from '../words/units.js';
import type { LoadProgress } from '../worker/protocol.js';
import { offlineReady } from './offline.js';
import { ended } from './short-worker.js';
import { device, model, status } from './store.js';
import { endWorker, withWorker } from './worker.js';

let loads = 0;

/**
 * In place of a load that is on its way, which is not heard of any more.
 *
 * @param doing what a screen reader is told of it
 * @returns false if it failed, which `model` tells, or was stopped
 */
export async function loadModel(doing = 'Loading the model'): Promise<boolean> {
  const own = ++loads;
  model.value = { phase: 'loading', progress: undefined };
  status.value = doing;
  await offlineReady();
  if (own !== loads) return false;
  try {
    const onProgress = (progress: LoadProgress) => {
      if (model.value.phase === 'loading') model.value = { phase: 'loading', progress };
    };
    const request = { device: device.value, page: new URL('.', document.baseURI).href };
    const facts = await withWorker((worker, callback) =>
      worker.load(request, callback(onProgress)),
    );
    model.value = { phase: 'ready', facts };
    status.value = `The model is loaded and runs on ${deviceTitles[facts.device]}`;
    return true;
  } catch (error) {
    // It was stopped, or another load has taken its place.
    if (error === ended) return false;
    endWorker();
    const reason = reasonOf(error);
    model.value = { phase: 'failed', reason };
    status.value = `The model could not be loaded: ${reason}`;
    return false;
  }
}

export function stopLoading(): void {
  loads++;
  endWorker();
  model.value = { phase: 'none' };
  status.value = 'Stopped';
}

/** Progress in words. */
export function progressWords({ doing, bytes, allBytes }: LoadProgress): string {
  if (bytes === allBytes) return doing;
  return `${doing}, ${megabytes(bytes)} of ${megabytes(allBytes)}`;
}

/** Starts over on another device. */
export function watchDevice(): void {
  let last = device.value;
  effect(() => {
    if (device.value === last) return;
    last = device.value;
    if (model.peek().phase === 'none') return;
    endWorker();
    void loadModel();
  });
}

/** As engines of JavaScript, WebAssembly and onnxruntime say it. */
const outOfMemory =
  /out of memory|memory limit|allocat|bad_alloc|\bOOM\b|invalid (typed )?array length/i;

/** What went wrong, in words for the user. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return outOfMemory.test(message)
    ? `this browser has not enough memory for it (${message})`
    : message;
}
