/** What a server takes at most. Each limit can be set, and `/version` shows them all. */
import { didYouMean, TransPruneError } from '@transprune/core';

export interface Limits {
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Bytes of the bodies of all requests together, from their first byte to the end of their replies. */
  readonly allBodiesBytes: number;
  /** Characters of all texts of a request. */
  readonly textCharacters: number;
  /** Images of a request. */
  readonly images: number;
  /** Bytes of an image's file, as it comes from another server. */
  readonly imageBytes: number;
  /** Pixels of an image, by its header; nothing larger is decoded. */
  readonly imagePixels: number;
  /** Pixels of all images of a request; each takes 3 bytes, here and once more in the engine. */
  readonly requestPixels: number;
  /** Milliseconds to fetch an image, and again to decode it. */
  readonly imageMs: number;
  /** Tokens of a prompt, those of images included. */
  readonly promptTokens: number;
  /** Tokens of an answer. */
  readonly completionTokens: number;
  /** Milliseconds from a request to the first token of its answer. */
  readonly timeToFirstTokenMs: number;
  /** Milliseconds from a request to the end of its answer. */
  readonly totalMs: number;
  /** Milliseconds in which a request's headers and body have to come. */
  readonly receiveMs: number;
  /** Open connections. */
  readonly connections: number;
  /** Requests that an engine computes at a time, as one batch where its decoder can. */
  readonly active: number;
  /** Further requests that may wait for an engine; beyond them clients get 429. */
  readonly waiting: number;
  /** Milliseconds that answers get to end by themselves when the server shuts down. */
  readonly shutdownMs: number;
}

export const defaultLimits: Limits = {
  bodyBytes: 20 * 1024 * 1024,
  allBodiesBytes: 256 * 1024 * 1024,
  textCharacters: 100_000,
  images: 8,
  imageBytes: 10 * 1024 * 1024,
  imagePixels: 4096 * 4096,
  requestPixels: 4096 * 4096,
  imageMs: 10_000,
  promptTokens: 8192,
  completionTokens: 1024,
  timeToFirstTokenMs: 60_000,
  totalMs: 300_000,
  receiveMs: 30_000,
  connections: 512,
  active: 8,
  waiting: 32,
  shutdownMs: 20_000,
};

/** Limits that may be none at all. */
const mayBeZero: readonly string[] = ['images', 'waiting', 'shutdownMs'] satisfies (keyof Limits)[];

/**
 * The limits of a server.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names one that is unknown or no whole number
 */
export function chooseLimits(given: Readonly<Record<string, unknown>> = {}): Limits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultLimits, name)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected a limit that there is (${Object.keys(defaultLimits).join(', ')}), got ${name}${didYouMean(name, Object.keys(defaultLimits))}`,
        { field: name },
      );
    }
    const least = mayBeZero.includes(name) ? 0 : 1;
    if (!Number.isSafeInteger(value) || Number(value) < least) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `limit ${name} must be a whole number from ${least}, got ${String(value)}`,
        { field: name, got: value },
      );
    }
  }
  const limits: Limits = { ...defaultLimits, ...given };
  const { bodyBytes, allBodiesBytes } = limits;
  if (bodyBytes <= allBodiesBytes) return limits;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `limit allBodiesBytes must be at least that of one body, bodyBytes=${bodyBytes}, got ${allBodiesBytes}`,
    { field: 'allBodiesBytes', got: allBodiesBytes },
  );
}
