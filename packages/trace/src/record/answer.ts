/** An answer as it comes, and what it took. */
import type { Answer } from '../trace.js';
import type { TracedEngine, TracedFinish, TracedStage } from './engine.js';

/** What is told while an answer comes. */
export interface Following {
  text?(text: string): void;
  stages?(soFar: readonly TracedStage[]): void;
}

export interface Followed {
  readonly finish: TracedFinish;
  readonly stages: readonly TracedStage[];
  /** From the first token to the second; 0 if there was one. */
  readonly firstStepMs: number;
}

/** Waits for an answer. */
export async function followAnswer<Request>(
  engine: TracedEngine<Request>,
  request: Request,
  on: Following = {},
): Promise<Followed> {
  const stages: TracedStage[] = [];
  const tokensAt: number[] = [];
  let finish: TracedFinish | undefined;
  for await (const event of engine.generate(request)) {
    if (event.type === 'stage') {
      stages.push(event);
      on.stages?.(stages);
    }
    if (event.type === 'token') {
      tokensAt.push(performance.now());
      if (event.text !== '') on.text?.(event.text);
    }
    if (event.type === 'finish') finish = event;
  }
  if (!finish) throw new Error('expected a finish event at the end of an answer');
  const [first = 0, second = first] = tokensAt;
  return { finish, stages, firstStepMs: second - first };
}

/**
 * An answer as traces hold it.
 *
 * @param pictureSize side of the picture that was read, in pixels
 * @param multiplyAdds of the prefill, everything counted
 */
export function answerOf(
  { finish, firstStepMs }: Followed,
  { pictureSize, multiplyAdds }: Pick<Answer, 'pictureSize' | 'multiplyAdds'>,
): Answer {
  const { text, reason, usage, prompt, timings, cache } = finish;
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
    multiplyAdds,
  };
}
