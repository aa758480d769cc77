/** The bodies of all requests together: those that come in, those that wait, and those that are answered. */
import { finished, type Writable } from 'node:stream';
import { ApiError, clientLeft } from '../api/errors.js';
import type { Limits } from './limits.js';

export interface Bodies {
  /**
   * A body's bytes as they come. They count until the reply has gone out or the connection is closed, for up to then
   * its pictures are held.
   *
   * @param announced bytes that are to come, as far as the client says
   * @throws ApiError 429 as soon as all bodies together are too large
   */
  counted(
    body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    reply: Writable,
    announced: number,
  ): AsyncIterable<Uint8Array>;
}

/** Counts what has come, not what was announced: whoever sends nothing takes nothing from others. */
export function countBodies({ allBodiesBytes: most }: Pick<Limits, 'allBodiesBytes'>): Bodies {
  let held = 0;
  return {
    async *counted(body, reply, announced) {
      if (held + announced > most) throw tooMuch(most);
      let own = 0;
      finished(reply, () => {
        held -= own;
        own = 0;
      });
      for await (const chunk of body) {
        if (reply.closed) throw clientLeft();
        own += chunk.length;
        held += chunk.length;
        if (held > most) throw tooMuch(most);
        yield chunk;
      }
    },
  };
}

function tooMuch(most: number): ApiError {
  return new ApiError(
    429,
    'server_busy',
    `the server holds requests of ${most} bytes already; ask again in 1 s, or send smaller images`,
    { headers: { 'Retry-After': '1' } },
  );
}
