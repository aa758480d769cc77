/** One question to a server, as a stream that is read to its end. */
import { eventData } from './sse.js';

export interface Question {
  readonly text: string;
  /** Data URLs. */
  readonly images: readonly string[];
  readonly maxTokens?: number;
  readonly preset?: string;
}

export interface Answered {
  readonly status: 200;
  readonly text: string;
  readonly tokens: number;
  readonly firstMs: number;
  /** When each piece of text came, in the milliseconds of `performance.now`. */
  readonly piecesAt: readonly number[];
}

export type Outcome = Answered | { readonly status: number; readonly retryAfter: number };

interface Chunk {
  readonly error?: { readonly message: string };
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/**
 * @param signal leaves the answer, whatever has come of it
 * @throws Error for a stream that breaks, or brings an error; the signal's reason
 */
export async function ask(
  url: string,
  model: string,
  question: Question,
  signal: AbortSignal | null = null,
): Promise<Outcome> {
  const { text, images, maxTokens, preset } = question;
  const pictures = images.map((image) => ({ type: 'image_url', image_url: { url: image } }));
  const since = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    signal,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: [...pictures, { type: 'text', text }] }],
      stream: true,
      stream_options: { include_usage: true },
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
      ...(preset !== undefined && { pruning: { preset } }),
    }),
  });
  if (response.status !== 200 || !response.body) {
    await response.text();
    return { status: response.status, retryAfter: Number(response.headers.get('retry-after')) };
  }
  const found = { text: '', tokens: 0, firstMs: 0 };
  const piecesAt: number[] = [];
  for await (const data of eventData(response.body)) {
    const { error, choices = [], usage } = data as Chunk;
    if (error) throw new Error(error.message);
    const piece = choices[0]?.delta.content ?? '';
    found.text += piece;
    const now = performance.now();
    if (piece !== '') piecesAt.push(now);
    found.firstMs ||= now - since;
    if (usage) found.tokens = usage.completion_tokens;
  }
  return { status: 200, ...found, piecesAt };
}
