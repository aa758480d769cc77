/** What a request is called in its reply and in the log. */
import { randomUUID } from 'node:crypto';
import type { Context } from 'hono';

export const requestIdHeader = 'X-Request-Id';

const variable = 'requestId';

/** Names a request: as its client does, if that is a name, or anew. */
export function nameRequest(context: Context): string {
  const given = context.req.header(requestIdHeader) ?? '';
  const requestId = /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  context.set(variable, requestId);
  return requestId;
}

/** What a request was named. */
export const requestIdOf = (context: Context): string => context.get(variable);
