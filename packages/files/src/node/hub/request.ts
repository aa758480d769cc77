/** One question to a server, through its redirects. */
import { faultOfConnection, TransferFault } from './fault.js';

export interface Question {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes to the address' own server, and to no other. */
  readonly token?: string;
  readonly headerTimeoutMs: number;
  /** Ends the question, and the body of the answer. */
  readonly controller: AbortController;
}

/** What the hub tells about a file before it sends us to where it is stored. */
export interface Linked {
  readonly sha256?: string;
  /** In bytes. */
  readonly size?: number;
}

export interface Answer {
  /** Not a redirect. */
  readonly response: Response;
  readonly linked: Linked;
}

const mostRedirects = 10;

/**
 * Asks, and follows redirects by hand: the token stays with the server that it is for, only web addresses
 * are followed, and never from an encrypted connection to an open one.
 *
 * @throws TransferFault
 */
export async function ask(question: Question): Promise<Answer> {
  const { headers = {}, token } = question;
  const home = new URL(question.url).origin;
  let url = new URL(question.url);
  let linked: Linked = {};
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const isHome = url.origin === home;
    const response = await answerOf(question, url, {
      headers: { ...headers, ...(token && isHome && { authorization: `Bearer ${token}` }) },
      redirect: 'manual',
      signal: question.controller.signal,
    });
    if (isHome) linked = { ...linked, ...linkedIn(response.headers) };
    const location = response.headers.get('location');
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) {
      return { response, linked };
    }
    await response.body?.cancel();
    url = nextUrl(location, url);
  }
  throw new TransferFault(`more than ${mostRedirects} redirects`, { remedy: 'check the address' });
}

async function answerOf(question: Question, url: URL, init: RequestInit): Promise<Response> {
  const { controller, headerTimeoutMs } = question;
  const timer = setTimeout(() => {
    controller.abort(
      new TransferFault(`no answer within ${headerTimeoutMs / 1000} s from ${url.host}`, {
        retry: 'after progress',
      }),
    );
  }, headerTimeoutMs);
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw reasonOfAbort(controller) ?? faultOfConnection(cause);
  } finally {
    clearTimeout(timer);
  }
}

/** What a question was ended for, if it was. */
export function reasonOfAbort({ signal }: AbortController): unknown {
  return signal.aborted ? signal.reason : undefined;
}

function nextUrl(location: string, from: URL): URL {
  const refuse = () =>
    new TransferFault(
      `a redirect from ${from.protocol}//${from.host} to ${location.slice(0, 200)}`,
      {
        remedy: 'check the address; only web addresses are followed, and never away from https',
      },
    );
  if (!URL.canParse(location, from.href)) throw refuse();
  const next = new URL(location, from);
  const isWeb = next.protocol === 'https:' || next.protocol === 'http:';
  if (!isWeb || (from.protocol === 'https:' && next.protocol === 'http:')) throw refuse();
  return next;
}

function linkedIn(headers: Headers): Linked {
  const etag = /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(headers.get('x-linked-etag') ?? '')?.[1];
  const size = headers.get('x-linked-size');
  return {
    ...(etag && { sha256: etag.toLowerCase() }),
    ...(size && /^\d+$/.test(size) && { size: Number(size) }),
  };
}

/**
 * Sorts out answers that are no file.
 *
 * @returns false if there is no such file
 * @throws TransferFault for all but a file
 */
export function isFound({ status, headers }: Response): boolean {
  if (status === 200 || status === 206) return true;
  if (status === 404 || status === 410) return false;
  const said = headers.get('x-error-message')?.replace(/\s+/g, ' ').slice(0, 200);
  const got = `status ${status}${said ? ` (${said})` : ''}`;
  const data = { status };
  if (status === 401 || status === 403) {
    const remedy =
      'a model that is private or gated needs a token (HF_TOKEN), and its conditions accepted; one of another name is not there';
    throw new TransferFault(got, { code: 'NOT_FOUND', remedy, data });
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const afterMs = retryAfter(headers.get('retry-after'));
    const remedy =
      status === 429
        ? 'the server asks for fewer requests: try again later, or with a token (HF_TOKEN)'
        : 'the server has a fault of its own: try again later';
    throw new TransferFault(got, {
      retry: 'later',
      remedy,
      data,
      ...(afterMs !== undefined && { afterMs }),
    });
  }
  throw new TransferFault(got, { remedy: 'check the address', data });
}

/** Seconds, or a date, as milliseconds from now. */
function retryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
