/** Asks the model, and shows what comes as it comes. */
import { nothingShown, withEvent } from '../trace/shown.js';
import type { AskEvent, AskRequest } from '../worker/protocol.js';
import { loadModel, reasonOf } from './load.js';
import { lookAtBest } from './look.js';
import { pixelsOf, withLessDetail } from './picture.js';
import { plan } from './plan.js';
import { ended, WorkerDeath } from './short-worker.js';
import {
  failure,
  model,
  phase,
  picture,
  pictureSize,
  question,
  shown,
  stage,
  status,
} from './store.js';
import { endWorker, withWorker } from './worker.js';

/** Whether the answer that is on its way was stopped: what it had said by then is shown, and no more told. */
let isStopped = false;

/** Asks the question about the picture. */
export async function ask(): Promise<void> {
  if (phase.value !== 'idle') return;
  const request = currentRequest();
  if (!request) return;
  failure.value = undefined;
  phase.value = 'unpruned';
  try {
    // The next question may be asked while the layers are looked at.
    const isWhole = await askOnce(request).finally(() => {
      phase.value = 'idle';
    });
    if (isWhole) await showLayers(request);
  } catch (error) {
    if (error === ended) return;
    if (error instanceof WorkerDeath) {
      endWorker();
      model.value = { phase: 'none' };
    }
    failure.value = reasonOf(error);
    status.value = `No answer: ${failure.value}`;
  }
}

/** Ends the answer that is on its way, if one is. */
export function stop(): void {
  if (phase.value === 'idle') return;
  status.value = 'Stopped';
  isStopped = true;
  // A worker that has died is told of by the question.
  withWorker((worker) => worker.stop()).catch(() => {});
}

const deviceNow = () => (model.value.phase === 'ready' ? model.value.facts.device : 'auto');

function currentRequest(): AskRequest | undefined {
  const { value: current } = picture;
  if (!current || question.value.trim() === '') {
    failure.value = current ? 'Write a question first.' : 'Choose a picture first.';
    return undefined;
  }
  return {
    question: question.value.trim(),
    pictures: {
      unpruned: pixelsOf(withLessDetail(current, pictureSize.value)),
      pruned: pixelsOf(current.image),
    },
    pictureSize: pictureSize.value,
    plan: plan.value,
  };
}

/** A graphics card may be lost at any time: it is opened again, and asked once more. */
async function askOnce(request: AskRequest): Promise<boolean> {
  try {
    return await run(request);
  } catch (error) {
    if (error === ended || deviceNow() !== 'webgpu' || !(await isLost())) throw error;
    endWorker();
    const isOpen = await loadModel('The graphics card was lost; opening it again');
    // Stopped meanwhile, or told why it failed.
    if (!isOpen) throw model.value.phase === 'failed' ? error : ended;
    return run(request);
  }
}

/** A worker that has died can't say: then the card is not what is told of. */
const isLost = () => withWorker((worker) => worker.deviceIsLost()).catch(() => false);

async function run(request: AskRequest): Promise<boolean> {
  phase.value = 'unpruned';
  isStopped = false;
  shown.value = nothingShown(request.question, deviceNow(), request.plan);
  return withWorker((worker, callback) => worker.ask(request, callback(show)));
}

function show(event: AskEvent): void {
  if (!shown.value) return;
  const after = withEvent(shown.value, event);
  shown.value = after;
  if (isStopped) return;
  switch (event.type) {
    case 'start':
      phase.value = event.side;
      status.value = `Prefill of the ${event.side} model`;
      break;
    case 'stage': {
      stage.value = after.stages.length;
      lookAtBest(event.stage);
      const { kept, afterLayer } = event.stage;
      status.value = `${kept.length} image tokens kept after layer ${afterLayer}`;
      break;
    }
    case 'answer':
      status.value = `${event.side === 'pruned' ? 'Pruned' : 'Unpruned'} answer: ${event.answer.text || 'none'}`;
      if (event.side === 'pruned') phase.value = 'explaining';
      break;
  }
}

/** Fills in what the layers do, unless something else was asked meanwhile. */
async function showLayers(request: AskRequest): Promise<void> {
  const { value: before } = shown;
  if (!before) return;
  try {
    const layers = await withWorker((worker) => worker.layers(request));
    if (shown.value === before) shown.value = { ...before, layers };
  } catch (error) {
    if (shown.value === before || error instanceof WorkerDeath) throw error;
  }
}
