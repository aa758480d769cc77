/** A model of the hub, which runs on transformers.js with a pruned decoder. */
import { signal } from '@preact/signals';
import type { PrunePlan } from '@transprune/core';
import type { HubAnswer, HubProgress, HubRequest, HubWorker } from '../worker/model-protocol.js';
import { reasonOf } from './load.js';
import { pixelsOf } from './picture.js';
import { ended, type ShortWorker, shortWorker } from './short-worker.js';
import { picture, question, status } from './store.js';
import { task } from './task.js';

export const hubRequest = signal<Omit<HubRequest, 'page'>>({
  id: 'HuggingFaceTB/SmolVLM-256M-Instruct',
  type: 'q4',
  device: 'gpu' in navigator ? 'webgpu' : 'wasm',
  preset: 'transprune-high',
});

export const hubModel = signal<{ readonly id: string; readonly plan: PrunePlan } | undefined>(
  undefined,
);
const hubTask = task<Partial<HubProgress> & Pick<HubProgress, 'doing'>>();
export const { progress: hubProgress, failure: hubFailure } = hubTask;
export const hubAnswers = signal<
  { readonly unpruned: HubAnswer; readonly pruned: HubAnswer } | undefined
>(undefined);

let worker: ShortWorker<HubWorker> | undefined;

/** Fetches the model that is named, in place of the one before; nothing happens while one is busy. */
export async function loadHub(): Promise<void> {
  if (hubProgress.value) return;
  const { value: request } = hubRequest;
  hubModel.value = undefined;
  hubAnswers.value = undefined;
  worker?.end();
  const started = shortWorker<HubWorker>(
    new Worker(new URL('../worker/hub-worker.ts', import.meta.url), { type: 'module' }),
  );
  worker = started;
  await hubTask.run({ doing: `fetching ${request.id}` }, async () => {
    const onProgress = (progress: HubProgress) => {
      if (hubProgress.value) hubProgress.value = progress;
    };
    const page = new URL('.', document.baseURI).href;
    const plan = await started
      .call(({ load }, callback) => load({ ...request, page }, callback(onProgress)))
      .catch((error: unknown) => {
        started.end();
        throw error === ended ? error : new Error(hubReason(reasonOf(error), request.id));
      });
    hubModel.value = { id: request.id, plan };
    status.value = `${request.id} is loaded, its decoder pruned`;
  });
}

/** Asks it the page's question about the page's picture, unpruned and pruned. */
export async function askHub(): Promise<void> {
  const { value: pictured } = picture;
  const asked = worker;
  if (!pictured || !asked || hubProgress.value) return;
  if (question.value.trim() === '') {
    hubFailure.value = 'Write a question in Look first.';
    return;
  }
  hubAnswers.value = undefined;
  await hubTask.run({ doing: 'answering twice' }, async () => {
    const answers = await asked.call(({ ask }) => ask(pixelsOf(pictured.image), question.value));
    hubAnswers.value = answers;
    status.value = `Pruned answer: ${answers.pruned.text || 'none'}`;
  });
}

export function stopHub(): void {
  worker?.end();
  worker = undefined;
  hubModel.value = undefined;
}

/** Why a model could not be fetched, in words for the user: of what transformers.js and browsers say of it. */
export function hubReason(message: string, id: string): string {
  if (/could not locate file|unauthorized|forbidden/i.test(message)) {
    return `the hub has no public model ${id} of this kind (${message}); check its name`;
  }
  if (/failed to fetch|network ?error|load failed/i.test(message)) {
    return `the hub could not be reached (${message}); check the network`;
  }
  if (/not valid json|json\.parse/i.test(message)) {
    return `expected the files of ${id}, got something else (${message}); check the network`;
  }
  return message;
}
