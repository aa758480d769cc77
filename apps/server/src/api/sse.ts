/** Server-sent events. */
import type { Logger } from 'pino';
import { lastWordsMs } from '../limits/deadline.js';
import type { Answer } from './answer.js';
import { toApiError } from './errors.js';

/** An event: its name, where it has one, and data that become one line of JSON. */
export interface ServerEvent {
  readonly event?: string;
  /** A text is sent as it is. */
  readonly data: object | '[DONE]';
}

export interface StreamOptions {
  /** What the events are made of; it ends with them, and they with it. */
  readonly answer: Answer;
  /** What is sent of an error in the midst of the stream, before it ends. */
  readonly onError: (error: unknown) => ServerEvent;
  /** Names the request in what it logs. */
  readonly log: Logger;
}

/**
 * A reply that sends events as they come. A client that leaves ends them. One that does not even read why its
 * answer ended is disconnected.
 */
export function eventStream(
  events: AsyncIterable<ServerEvent>,
  { answer: { parts, signal }, onError, log }: StreamOptions,
): Response {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Does nothing to a stream that has ended.
      const disconnect = () => controller.error(signal.reason);
      signal.addEventListener('abort', () => setTimeout(disconnect, lastWordsMs).unref());
    },
    async pull(controller) {
      try {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(written(value)));
      } catch (error) {
        const { status, code, cause } = toApiError(error);
        if (status === 500) log.error({ err: cause }, 'an answer failed');
        else log[status === 499 ? 'info' : 'warn']({ code }, 'an answer ended early');
        if (status !== 499) controller.enqueue(encoder.encode(written(onError(error))));
        controller.close();
      }
    },
    async cancel() {
      await iterator.return?.();
      // A generator that nobody has read from returns without its finally.
      await parts.return();
    },
  });
  return new Response(body, {
    headers: {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache',
      'X-Accel-Buffering': 'no',
    },
  });
}

function written({ event, data }: ServerEvent): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
