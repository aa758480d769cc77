/** One question to both decoders, one after the other, so that neither slows the other. */
import { askingRows, createPlan } from '@transprune/core';
import { fullCost, type Model } from '@transprune/flops';
import type { Answer } from '@transprune/trace';
import type { EngineRequest, FinishEvent, LocalEngine, StageEvent } from '@transprune/vlm';
import type { Engines } from './engines.js';
import { explainStages } from './explain.js';
import type { AskEvent, AskRequest, Side } from './protocol.js';
import { traceStages } from './stages.js';

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
    const { finish, firstStepMs } = await follow(engine, request, side, signal, {
      text: (text) => tell({ type: 'text', side, text }),
      stages(events) {
        const stage = traceStages(plan, { events, imagePositions }).at(-1);
        if (stage) tell({ type: 'stage', stage });
      },
    });
    const { imageTokens, textTokens } = finish.prompt;
    imagePositions = finish.prompt.imagePositions;
    tell({ type: 'prompt', imageTokens, textTokens });
    const answer = answerOf(finish, firstStepMs, model, request, side);
    tell({ type: 'answer', side, answer });
    if (finish.reason === 'aborted') return false;
  }
  if (plan.method === 'transprune') {
    const tapped = await engines.tapped(plan);
    const stages = await explainStages(tapped, plan, engineRequest(request, 'pruned'));
    tell({ type: 'explained', stages });
  }
  return true;
}

async function follow(
  engine: LocalEngine,
  request: AskRequest,
  side: Side,
  signal: AbortSignal,
  on: { text(text: string): void; stages(soFar: readonly StageEvent[]): void },
) {
  const stages: StageEvent[] = [];
  const tokensAt: number[] = [];
  let finish: FinishEvent | undefined;
  for await (const event of engine.generate({ ...engineRequest(request, side), signal })) {
    if (event.type === 'stage') {
      stages.push(event);
      on.stages(stages);
    }
    if (event.type === 'token') {
      tokensAt.push(performance.now());
      if (event.text !== '') on.text(event.text);
    }
    if (event.type === 'finish') finish = event;
  }
  if (!finish) throw new Error('expected a finish event at the end of an answer');
  const [first = 0, second = first] = tokensAt;
  return { finish, firstStepMs: second - first };
}

function answerOf(
  { text, reason, usage, prompt, timings, cache }: FinishEvent,
  firstStepMs: number,
  model: Model,
  { plan, pictureSize }: AskRequest,
  side: Side,
): Answer {
  const images = new Set(prompt.imagePositions);
  const asking = askingRows({
    count: usage.promptTokens,
    isImage: (position) => images.has(position),
  });
  const cost = fullCost(model, side === 'pruned' ? plan : createPlan({ stages: [] }), {
    imageTokens: prompt.imageTokens,
    textTokens: prompt.textTokens,
    instructionTokens: asking.length,
    bytesPerElement,
  });
  return {
    text: text.trim(),
    finishReason: reason,
    tokens: usage.completionTokens,
    pictureSize,
    firstTokenMs: timings.timeToFirstTokenMs,
    visionMs: timings.visionMs,
    prefillMs: timings.prefillMs,
    firstStepMs,
    tokensPerSecond: timings.decodeTokensPerSecond,
    imageTokensPerLayer: cache.afterPrefill.lengths.map((length) => length - prompt.textTokens),
    kvCacheBytes: cache.afterPrefill.bytes,
    multiplyAdds: cost.plan.prefill.decoder.total + cost.plan.prefill.scoring.total,
  };
}
