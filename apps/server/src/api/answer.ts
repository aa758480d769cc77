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
import { type ImageUrl, readImages } from '../images/read.js';
import { unlessAborted } from '../limits/aborted.js';
import { type Deadline, deadline } from '../limits/deadline.js';
import { savedFlops } from '../metrics/saved.js';
import { toApiError, unavailable } from './errors.js';
import type { ChosenPruning } from './pruning.js';
import type { Service } from './service.js';
import { trimming } from './trim.js';

/** What is asked, in the engine's words. */
export interface Asked {
  readonly messages: readonly ChatMessage[];
  /** What the endpoint calls the messages, for errors. */
  readonly param: string;
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

/** An answer that has begun. */
export interface Answer {
  /** Those that follow the first, `begin`. */
  readonly parts: AsyncGenerator<AnswerPart, void>;
  /** Aborted, with an ApiError, when it ends early; its place is free then, whether its parts are read or not. */
  readonly signal: AbortSignal;
}

/** Milliseconds that an engine has to let go of a request before it is taken for stuck. */
const stuckMs = 60_000;

/**
 * Takes a place and answers. Waits for the first token, so that what is wrong with a request becomes the status of
 * its reply, and not an event in a stream. The parts have to be read, or returned.
 *
 * @param leave is aborted when the client is gone
 * @throws ApiError 429 or 503 if there is no place; up to the first token, and when the parts are read, ApiError, or
 *   an error that `toApiError` knows
 */
export async function answer(service: Service, asked: Asked, leave: AbortSignal): Promise<Answer> {
  const seat = service.pool.seat();
  const limit = deadline(service.limits, leave, service.shutdown);
  const parts = partsOf(service, asked, seat, limit);
  await parts.next();
  return { parts, signal: limit.signal };
}

/**
 * All of an answer at once.
 *
 * @throws whatever it fails with
 */
export async function wholeAnswer(
  parts: Answer['parts'],
): Promise<{ readonly text: string; readonly end: AnswerEnd }> {
  let text = '';
  for await (const part of parts) {
    if (part.type === 'text') text += part.text;
    if (part.type === 'end') return { text, end: part };
  }
  throw new Error('expected an answer to end');
}

async function* partsOf(
  service: Service,
  asked: Asked,
  seat: Seat,
  limit: Deadline,
): Answer['parts'] {
  const { metrics, facts, log } = service;
  const since = performance.now();
  const { signal } = limit;
  let events: AsyncIterator<EngineEvent> | undefined;
  const end = () => {
    limit.clear();
    letGo(seat, events);
  };
  // A part that nobody takes keeps this function from its end.
  signal.addEventListener('abort', end, { once: true });
  try {
    await unlessAborted(seat.turn, signal);
    const queueMs = performance.now() - since;
    events = await generated(service, asked, seat, signal);
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
        if (reason === 'aborted') throw signal.reason;
        const { pruning } = asked;
        // With what came before the engine: reading images, and the way to its process.
        const totalMs = performance.now() - since;
        const timings = {
          ...event.timings,
          queueMs: queueMs + event.timings.queueMs,
          timeToFirstTokenMs: firstMs,
          totalMs,
        };
        const answered: AnswerEnd = {
          ...{ type: 'end', reason, usage, timings, visionCached, pruning, stages },
          savedFlops: savedFlops(facts.costs, pruning.plan, usage),
        };
        metrics.answered(answered);
        if (service.logContent) log.info({ messages: asked.messages, text: written }, 'answer');
        yield answered;
        return;
      }
    }
  } catch (error) {
    throw seat.isLost && !signal.aborted
      ? unavailable('engine_lost', 'the engine that answered has ended; ask again')
      : toApiError(error, asked.param);
  } finally {
    signal.removeEventListener('abort', end);
    // Again, if it was aborted; an abortion from before it was listened for ends nothing.
    end();
  }
}

/** What the engine answers. Only now are images read, and only it holds them. */
async function generated(
  service: Service,
  asked: Asked,
  seat: Seat,
  signal: AbortSignal,
): Promise<AsyncIterator<EngineEvent>> {
  if (seat.isLost) throw new Error('expected an engine that runs');
  const images = await readImages(asked.images, service, signal);
  signal.throwIfAborted();
  const { promptTokens } = service.limits;
  const events = seat.engine.generate(requestOf(asked, images, promptTokens, signal));
  return events[Symbol.asyncIterator]();
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
  const { value, done } = await unlessAborted(events.next(), signal);
  if (done) throw new Error('expected a finish event at the end of an answer');
  return value;
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
