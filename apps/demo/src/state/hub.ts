/** A model of the hub, which runs on transformers.js with a pruned decoder. */
import { signal } from '@preact/signals';
import type { PrunePlan } from '@transprune/core';
import type { HubAnswer, HubProgress, HubRequest, HubWorker } from '../worker/model-protocol.js';
import { pixelsOf } from './picture.js';
import { type ShortWorker, shortWorker } from './short-worker.js';
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

/** Fetches the model that is named, in place of the one before. */
export async function loadHub(): Promise<void> {
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
    const plan = await started.call(({ load }, callback) =>
      load({ ...request, page }, callback(onProgress)),
    );
    hubModel.value = { id: request.id, plan };
    status.value = `${request.id} is loaded, its decoder pruned`;
  });
}

/** Asks it the page's question about the page's picture, unpruned and pruned. */
export async function askHub(): Promise<void> {
  const { value: pictured } = picture;
  const asked = worker;
  if (!pictured || !asked) return;
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
