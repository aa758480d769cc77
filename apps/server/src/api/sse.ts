/** Server-sent events. */
import type { Logger } from 'pino';
import { toApiError } from './errors.js';

/** An event: its name, where it has one, and data that become one line of JSON. */
export interface ServerEvent {
  readonly event?: string;
  /** A text is sent as it is. */
  readonly data: object | '[DONE]';
}

export interface StreamOptions {
  /** What is sent of an error in the midst of the stream, before it ends. */
  readonly onError: (error: unknown) => ServerEvent;
  readonly log: Logger;
}

/** A reply that sends events as they come. A client that leaves ends them. */
export function eventStream(
  events: AsyncIterable<ServerEvent>,
  { onError, log }: StreamOptions,
): Response {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(written(value)));
      } catch (error) {
        const { status, cause } = toApiError(error);
        if (status === 500) log.error({ err: cause }, 'an answer failed');
        if (status !== 499) controller.enqueue(encoder.encode(written(onError(error))));
        controller.close();
      }
    },
    async cancel() {
      await iterator.return?.();
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
