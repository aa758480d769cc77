/** Decodes pictures in another process, one at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { TransPruneError } from '@transprune/core';
import type { Pixels } from '@transprune/vlm';
import { unlessAborted } from '../limits/aborted.js';
import type { Limits } from '../limits/limits.js';
import type { DecodeReply } from './protocol.js';

export interface DecodeOptions {
  /** Where the picture stands in the request, for messages. */
  readonly param: string;
  /** Pixels that the request may still have. */
  readonly left: number;
  /** Whoever aborts it waits no more, and leaves the decoder to others. */
  readonly signal: AbortSignal;
}

export interface ImageDecoder {
  /**
   * Decodes a file, after those that were there before.
   *
   * @throws TransPruneError INVALID_IMAGE if it is none, is too large, or takes too long; the signal's reason
   */
  decode(bytes: Uint8Array, options: DecodeOptions): Promise<Pixels>;
  close(): void;
}

/** @param program path of the built `image-process` */
export function imageDecoder(
  program: string,
  limits: Pick<Limits, 'imagePixels' | 'requestPixels' | 'imageMs'>,
): ImageDecoder {
  let child: ChildProcess | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let next = 0;
  const started = () => {
    if (child?.connected && child.signalCode === null) return child;
    child = fork(program, [], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
    });
    child.on('error', () => {});
    return child;
  };
  const decode = async (bytes: Uint8Array, { param, left, signal }: DecodeOptions) => {
    signal.throwIfAborted();
    const pixels = Math.min(limits.imagePixels, left);
    // To the decoder, 0 is no limit.
    if (pixels <= 0) throw tooLarge(param, limits);
    const process = started();
    const id = next++;
    // An answer may be on its way from a process that ends; the next picture gets another one all the same.
    const kill = () => {
      child = undefined;
      process.kill('SIGKILL');
    };
    const timer = setTimeout(kill, limits.imageMs);
    signal.addEventListener('abort', kill);
    try {
      process.send({ id, bytes, pixels });
      const reply = await replyTo(id, process);
      if ('pixels' in reply) return reply.pixels;
      throw /pixel limit/.test(reply.fault)
        ? tooLarge(param, limits)
        : notDecoded(param, reply.fault);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
    }
  };
  return {
    decode(bytes, options) {
      const decoded = turn.then(() => decode(bytes, options));
      turn = decoded.catch(() => {});
      return unlessAborted(decoded, options.signal);
    },
    close: () => child?.kill('SIGKILL'),
  };
}

/** The answer, or that there will be none. */
async function replyTo(id: number, child: ChildProcess): Promise<DecodeReply> {
  const over = new AbortController();
  const exited = once(child, 'exit', { signal: over.signal }).then(
    (): DecodeReply => ({ id, fault: 'it took too long, or ended the decoder' }),
  );
  exited.catch(() => {});
  const answered = new Promise<DecodeReply>((resolve) => {
    const listener = (reply: DecodeReply) => {
      if (reply.id === id) resolve(reply);
    };
    child.on('message', listener);
    over.signal.addEventListener('abort', () => child.off('message', listener));
  });
  try {
    return await Promise.race([answered, exited]);
  } finally {
    over.abort();
  }
}

function tooLarge(
  param: string,
  { imagePixels, requestPixels }: Pick<Limits, 'imagePixels' | 'requestPixels'>,
): TransPruneError {
  return new TransPruneError(
    'INVALID_IMAGE',
    `expected images of at most ${imagePixels} pixels, and ${requestPixels} in a request, got more with this one; make it smaller`,
    { field: param },
  );
}

function notDecoded(param: string, fault: string): TransPruneError {
  return new TransPruneError(
    'INVALID_IMAGE',
    `expected a PNG, JPEG, WebP or GIF, got something that does not decode as one (${fault})`,
    { field: param },
  );
}
