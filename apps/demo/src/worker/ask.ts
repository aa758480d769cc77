/** One question to both decoders, one after the other, so that neither slows the other. */
import { askingRows, createPlan, type PrunePlan } from '@transprune/core';
import { fullCost, type Model } from '@transprune/flops';
import {
  answerOf,
  explainStages,
  followAnswer,
  type TracedFinish,
  traceStages,
} from '@transprune/trace';
import type { EngineRequest } from '@transprune/vlm';
import type { Engines } from './engines.js';
import type { AskEvent, AskRequest, Side } from './protocol.js';

const longestAnswer = 64;
/** Of the caches, which hold float32. */
const bytesPerElement = 4;

/** An engine's request for one side. */
export function engineRequest({ question, pictures, plan }: AskRequest, side: Side): EngineRequest {
  const keepRatios = plan.stages.map(({ keepRatio }) => keepRatio);
  return {
    question,
    images: [pictures[side]],
    maxNewTokens: longestAnswer,
    ...(side === 'pruned' && { keepRatios }),
  };
}

/**
 * Asks, and tells what happens as it happens.
 *
 * @returns false if it was stopped
 */
export async function askBoth(
  engines: Engines,
  model: Model,
  request: AskRequest,
  signal: AbortSignal,
  tell: (event: AskEvent) => void,
): Promise<boolean> {
  const { plan } = request;
  const pruned = await engines.pruned(plan);
  // The same prompt for both.
  let imagePositions: readonly number[] = [];
  for (const side of ['unpruned', 'pruned'] as const) {
    if (signal.aborted) return false;
    const engine = side === 'pruned' ? pruned.engine : engines.unpruned;
    tell({ type: 'start', side });
    const followed = await followAnswer(
      engine,
      { ...engineRequest(request, side), signal },
      {
        text: (text) => tell({ type: 'text', side, text }),
        stages(events) {
          const stage = traceStages(plan, { events, imagePositions }).at(-1);
          if (stage) tell({ type: 'stage', stage });
        },
      },
    );
    const { finish } = followed;
    const { imageTokens, textTokens } = finish.prompt;
    imagePositions = finish.prompt.imagePositions;
    tell({ type: 'prompt', imageTokens, textTokens });
    const multiplyAdds = prefillCost(finish, model, side === 'pruned' ? plan : unpruned);
    // Detail is taken from the unpruned side alone.
    const pictureSize = side === 'unpruned' ? request.pictureSize : request.pictures.pruned.width;
    const answer = answerOf(followed, { pictureSize, multiplyAdds });
    tell({ type: 'answer', side, answer });
    if (finish.reason === 'aborted') return false;
  }
  if (plan.method === 'transprune' && !signal.aborted) {
    const tapped = await engines.tapped(plan);
    if (signal.aborted) return false;
    const stages = await explainStages(tapped, plan, engineRequest(request, 'pruned'));
    tell({ type: 'explained', stages });
  }
  return !signal.aborted;
}

const unpruned = createPlan({ stages: [] });

/** Multiply-adds of the prefill, scoring included. */
function prefillCost({ prompt }: TracedFinish, model: Model, plan: PrunePlan): number {
  const images = new Set(prompt.imagePositions);
  const asking = askingRows({
    count: prompt.imageTokens + prompt.textTokens,
    isImage: (position) => images.has(position),
  });
  const cost = fullCost(model, plan, {
    imageTokens: prompt.imageTokens,
    textTokens: prompt.textTokens,
    instructionTokens: asking.length,
    bytesPerElement,
  });
  return cost.plan.prefill.decoder.total + cost.plan.prefill.scoring.total;
}
