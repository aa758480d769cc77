/** One request, from its place in the queue to the end of its answer, whatever API it came by. */
import type {
  ChatMessage,
  EngineEvent,
  EngineRequest,
  FinishReason,
  Pixels,
  Sampling,
  StageEvent,
  Timings,
  Usage,
} from '@transprune/vlm';
import type { Seat } from '../engine/pool.js';
import { type ImageUrl, readImage } from '../images/read.js';
import { deadline } from '../limits/deadline.js';
import { savedFlops } from '../metrics/saved.js';
import { ApiError, unavailable } from './errors.js';
import type { ChosenPruning } from './pruning.js';
import type { Service } from './service.js';
import { trimming } from './trim.js';

/** What is asked, in the engine's words. */
export interface Asked {
  readonly messages: readonly ChatMessage[];
  readonly images: readonly ImageUrl[];
  readonly pruning: ChosenPruning;
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly maxNewTokens: number;
}

export interface AnswerEnd {
  readonly type: 'end';
  readonly reason: Exclude<FinishReason, 'aborted'>;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly visionCached: boolean;
  readonly pruning: ChosenPruning;
  readonly stages: readonly StageEvent[];
  readonly savedFlops: number;
}

/** `begin` comes when the first token is there: up to then a request fails as a whole. */
export type AnswerPart =
  | { readonly type: 'begin' }
  | { readonly type: 'text'; readonly text: string }
  | AnswerEnd;

/** Milliseconds that an engine has to let go of a request before it is taken for stuck. */
const stuckMs = 60_000;

/**
 * Answers.
 *
 * @param leave is aborted when the client is gone
 * @throws ApiError, or an error that `toApiError` knows
 */
export async function* answer(
  service: Service,
  asked: Asked,
  leave: AbortSignal,
): AsyncGenerator<AnswerPart, void> {
  const { pool, limits, metrics, facts, log, shutdown } = service;
  const since = performance.now();
  const seat = pool.seat();
  const limit = deadline(limits, [leave, shutdown]);
  const { signal } = limit;
  let events: AsyncIterator<EngineEvent> | undefined;
  try {
    const images = await Promise.all(
      asked.images.map((image) => readImage(image, service, signal)),
    );
    signal.throwIfAborted();
    events = seat.engine
      .generate(requestOf(asked, images, limits.promptTokens, signal))
      [Symbol.asyncIterator]();
    const show = trimming();
    let written = '';
    const stages: StageEvent[] = [];
    let firstMs = 0;
    let lastAt: number | undefined;
    for (;;) {
      const event = await nextEvent(events, signal);
      if (event.type === 'stage') stages.push(event);
      if (event.type === 'token') {
        const now = performance.now();
        if (lastAt === undefined) {
          limit.begun();
          firstMs = now - since;
          yield { type: 'begin' };
        } else metrics.token((now - lastAt) / 1000);
        lastAt = now;
        const text = show(event.text);
        written += text;
        if (text !== '') yield { type: 'text', text };
      }
      if (event.type === 'finish') {
        const { usage, visionCached, reason } = event;
        if (reason === 'aborted') throw reasonOf(signal);
        const { pruning } = asked;
        // With what came before the engine: reading images, and the way to its process.
        const totalMs = performance.now() - since;
        const timings = { ...event.timings, timeToFirstTokenMs: firstMs, totalMs };
        const saved = savedFlops(facts.costs, pruning.plan, usage);
        const end = { reason, usage, timings, visionCached, pruning, stages, savedFlops: saved };
        metrics.answered({ type: 'end', ...end });
        if (service.logContent) log.info({ messages: asked.messages, text: written }, 'answer');
        yield { type: 'end', ...end };
        return;
      }
    }
  } catch (error) {
    throw seat.isLost && !signal.aborted
      ? unavailable('engine_lost', 'the engine that answered has ended; ask again')
      : error;
  } finally {
    limit.clear();
    letGo(seat, events);
  }
}

function requestOf(
  { messages, pruning, sampling, stop, maxNewTokens }: Asked,
  images: readonly Pixels[],
  maxPromptTokens: number,
  signal: AbortSignal,
): EngineRequest {
  const keepRatios = pruning.plan.stages.map(({ keepRatio }) => keepRatio);
  return {
    messages,
    images,
    maxNewTokens,
    maxPromptTokens,
    sampling,
    stop,
    signal,
    ...(keepRatios.length > 0 && { keepRatios }),
  };
}

/** The next event; does not wait for an engine that takes its time to end what was aborted. */
async function nextEvent(
  events: AsyncIterator<EngineEvent>,
  signal: AbortSignal,
): Promise<EngineEvent> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(reasonOf(signal));
    signal.addEventListener('abort', abort);
  });
  try {
    const { value, done } = await Promise.race([events.next(), aborted]);
    if (done) throw new Error('expected a finish event at the end of an answer');
    return value;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** What ended a request; its place is free when the engine is done with it. */
function letGo(seat: Seat, events: AsyncIterator<EngineEvent> | undefined): void {
  const stuck = setTimeout(() => seat.kill(), stuckMs);
  stuck.unref();
  void Promise.resolve(events?.return?.())
    .catch(() => {})
    .finally(() => {
      clearTimeout(stuck);
      seat.release();
    });
}

function reasonOf({ reason }: AbortSignal): unknown {
  return reason instanceof ApiError
    ? reason
    : new ApiError(499, 'client_closed_request', 'the client left');
}
