/** The worker of the page: all that computes. */
import { presetPlan, TransPruneError } from '@transprune/core';
import { surveyLayers } from '@transprune/trace';
import { expose } from 'comlink';
import { downloads, modelBytes, runtimeBytes } from '../downloads.js';
import { askBoth, engineRequest } from './ask.js';
import { download } from './download.js';
import { type EmbeddedModel, embeddedModel } from './embedded-model.js';
import { type Engines, openEngines } from './engines.js';
import type { DemoWorker, DeviceChoice } from './protocol.js';
import { fetchRuntime, type Runtime } from './runtime.js';
import { warmUp } from './warm-up.js';

interface Loaded {
  readonly runtime: Runtime;
  readonly model: EmbeddedModel;
  readonly engines: Engines;
}

/** A browser tells that a card was lost after what it did has failed. */
const toldWithinMs = 500;

const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

let loaded: Loaded | undefined;
let running = new AbortController();

const worker: DemoWorker = {
  async load({ device, page }, onProgress) {
    const folder = new URL(page);
    const allBytes = runtimeBytes + modelBytes;
    let bytes = 0;
    const tell = (doing: string) => onProgress({ doing, bytes, allBytes });
    const count = (doing: string) => (more: number) => {
      bytes += more;
      tell(doing);
    };
    const contents = await download(
      new URL('model/', folder),
      downloads.model,
      count('fetching the model'),
    );
    const model = embeddedModel(contents);
    const runtime = await fetchRuntime(folder, count('fetching the runtime'));
    tell('opening the model');
    const { chosen, noWebgpu } = await chooseDevice(device, model, runtime);
    const engines = await openEngines(model, runtime.backend, chosen);
    tell('warming up');
    const { plan } = presetPlan('transprune-high', model.sizes.decoder.layers.length);
    await warmUp(engines, plan);
    loaded = { runtime, model, engines };
    const layers = model.sizes.decoder.layers.length;
    return { device: chosen, noWebgpu, threads: runtime.threads, layers };
  },

  async ask(request, onEvent) {
    const { engines, model } = ready();
    running = new AbortController();
    // The page gets all events before it hears that it is over.
    const told: unknown[] = [];
    const over = await askBoth(engines, model.sizes, request, running.signal, (event) =>
      told.push(onEvent(event)),
    );
    await Promise.all(told);
    return over;
  },

  async layers(request) {
    const survey = await ready().engines.surveyed();
    const { keepRatios: _, ...rest } = engineRequest(request, 'unpruned');
    return surveyLayers(survey, rest);
  },

  async deviceIsLost() {
    const { backend } = ready().runtime;
    const end = performance.now() + toldWithinMs;
    while (!backend.gpuIsLost() && performance.now() < end) await pause();
    return backend.gpuIsLost();
  },

  stop: () => running.abort(),
};

expose(worker);

function ready(): Loaded {
  if (loaded) return loaded;
  throw new TransPruneError('INVALID_ARGUMENT', 'expected a model that is loaded; load it first');
}

/** The device to run on, and why it is not WebGPU if that would have been the first choice. */
async function chooseDevice(
  device: DeviceChoice,
  { files }: EmbeddedModel,
  { backend }: Runtime,
): Promise<{ chosen: 'webgpu' | 'wasm'; noWebgpu: string | undefined }> {
  if (device === 'wasm') return { chosen: 'wasm', noWebgpu: undefined };
  const trial = await backend.open(await files.graph('embed_tokens'), { device: 'webgpu' });
  if ('unavailable' in trial) return { chosen: 'wasm', noWebgpu: trial.unavailable };
  await trial.dispose();
  return { chosen: 'webgpu', noWebgpu: undefined };
}
