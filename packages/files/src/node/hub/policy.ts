/** How patient transfers are, and how much they take. */
import { numberIn } from './environment.js';

/** When to give up. Times in milliseconds. */
export interface TransferPolicy {
  /** Until a server has answered with headers, at each address that it redirects to. */
  readonly headerTimeoutMs: number;
  /** A body that brings next to nothing for so long has stopped. */
  readonly idleTimeoutMs: number;
  /** Tries after the first that bring nothing new. Those that do are not counted. */
  readonly retries: number;
  /** Before the second try; doubled before each further one. */
  readonly retryDelayMs: number;
  /** The longest wait that a server may ask for by `Retry-After`. */
  readonly longestWaitMs: number;
}

/** As `huggingface_hub` waits; `HF_HUB_DOWNLOAD_TIMEOUT` in seconds changes it there, too. */
export function defaultPolicy(): TransferPolicy {
  const timeoutMs = (numberIn('HF_HUB_DOWNLOAD_TIMEOUT') ?? 10) * 1000;
  return {
    headerTimeoutMs: timeoutMs,
    idleTimeoutMs: timeoutMs,
    retries: 3,
    retryDelayMs: 500,
    longestWaitMs: 30_000,
  };
}

/** A body that brings less has stopped, though it trickles. */
export const slowestBytesPerSecond = 100;

const mebibyte = 2 ** 20;

/**
 * The most bytes that a file may have by its kind, whatever a server sends or a compressed body becomes:
 * - tokenizers: the largest known, of 262,144 tokens, take 40 MB
 * - other configurations and templates: the largest known take under 1 MB
 * - graphs: Protocol Buffers end there
 * - data: above any model that fits a machine
 */
export function largestFile(path: string): number {
  if (/(^|\/)(tokenizer|vocab)\.json$/.test(path)) return 128 * mebibyte;
  if (/\.(json|jinja|txt)$/.test(path)) return 8 * mebibyte;
  return path.endsWith('.onnx') ? 2 ** 31 - 1 : 2 ** 40;
}

/** Of the list of a repository's files. */
export const largestListing = 64 * mebibyte;
