/** Asks the model, and shows what comes as it comes. */
import type { AskEvent, AskRequest } from '../worker/protocol.js';
import { loadModel, reasonOf } from './load.js';
import { lookAtBest } from './look.js';
import { pixelsOf, withLessDetail } from './picture.js';
import { plan, planName } from './plan.js';
import {
  failure,
  model,
  phase,
  picture,
  pictureSize,
  question,
  type Shown,
  shown,
  stage,
  status,
} from './store.js';
import { callback, endWorker, withWorker } from './worker.js';

/** Asks the question about the picture. */
export async function ask(): Promise<void> {
  const request = currentRequest();
  if (!request || phase.value !== 'idle') return;
  failure.value = undefined;
  phase.value = 'unpruned';
  try {
    const isWhole = await askOnce(request);
    phase.value = 'idle';
    if (isWhole) await showLayers(request);
  } catch (error) {
    failure.value = reasonOf(error);
    status.value = `No answer: ${failure.value}`;
  } finally {
    phase.value = 'idle';
  }
}

export function stop(): void {
  status.value = 'Stopped';
  void withWorker((worker) => worker.stop());
}

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
    const facts = model.value.phase === 'ready' ? model.value.facts : undefined;
    if (facts?.device !== 'webgpu') throw error;
    endWorker();
    status.value = 'The graphics card was lost; opening it again';
    if (!(await loadModel())) throw error;
    return run(request);
  }
}

async function run(request: AskRequest): Promise<boolean> {
  phase.value = 'unpruned';
  shown.value = {
    isPrepared: false,
    question: request.question,
    planName: planName.value,
    texts: {},
    answers: {},
    stages: [],
    imageTokens: 0,
    textTokens: 0,
    layers: [],
  };
  return withWorker((worker) => worker.ask(request, callback(show)));
}

function show(event: AskEvent): void {
  const { value: before } = shown;
  if (!before) return;
  const change = (fields: Partial<Shown>) => {
    shown.value = { ...before, ...fields };
  };
  switch (event.type) {
    case 'start':
      phase.value = event.side;
      status.value = `Prefill of the ${event.side} model`;
      break;
    case 'text': {
      const text = (before.texts[event.side] ?? '') + event.text;
      change({ texts: { ...before.texts, [event.side]: text } });
      break;
    }
    case 'prompt':
      change({ imageTokens: event.imageTokens, textTokens: event.textTokens });
      break;
    case 'stage': {
      change({ stages: [...before.stages, event.stage] });
      stage.value = before.stages.length + 1;
      lookAtBest(event.stage);
      const { kept, afterLayer } = event.stage;
      status.value = `${kept.length} image tokens kept after layer ${afterLayer}`;
      break;
    }
    case 'answer':
      change({ answers: { ...before.answers, [event.side]: event.answer } });
      status.value = `${event.side === 'pruned' ? 'Pruned' : 'Unpruned'} answer: ${event.answer.text || 'none'}`;
      if (event.side === 'pruned') phase.value = 'explaining';
      break;
    case 'explained':
      change({ stages: event.stages });
      break;
  }
}

/** Fills in what the layers do, unless something else was asked meanwhile. */
async function showLayers(request: AskRequest): Promise<void> {
  const { value: before } = shown;
  const layers = await withWorker((worker) => worker.layers(request));
  if (before && shown.value === before) shown.value = { ...before, layers };
}
