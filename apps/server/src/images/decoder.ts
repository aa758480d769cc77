/** Decodes pictures in another process, one at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { TransPruneError } from '@transprune/core';
import type { Pixels } from '@transprune/vlm';
import type { Limits } from '../limits/limits.js';
import type { DecodeReply } from './protocol.js';

export interface ImageDecoder {
  /**
   * Decodes a file.
   *
   * @throws TransPruneError INVALID_IMAGE if it is none, is too large, or takes too long
   */
  decode(bytes: Uint8Array, param: string): Promise<Pixels>;
  close(): void;
}

/** @param program path of the built `image-process` */
export function imageDecoder(
  program: string,
  { imagePixels, imageMs }: Pick<Limits, 'imagePixels' | 'imageMs'>,
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
  const decode = async (bytes: Uint8Array, param: string): Promise<Pixels> => {
    const process = started();
    const id = next++;
    const timer = setTimeout(() => process.kill('SIGKILL'), imageMs);
    try {
      process.send({ id, bytes, pixels: imagePixels });
      const reply = await replyTo(id, process);
      if ('pixels' in reply) return reply.pixels;
      throw refusal(reply.fault, param, imagePixels);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    decode(bytes, param) {
      const decoded = turn.then(() => decode(bytes, param));
      turn = decoded.catch(() => {});
      return decoded;
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

function refusal(fault: string, param: string, imagePixels: number): TransPruneError {
  const isLarge = /pixel limit/.test(fault);
  return new TransPruneError(
    'INVALID_IMAGE',
    isLarge
      ? `expected an image of at most ${imagePixels} pixels, got a larger one; make it smaller`
      : `expected a PNG, JPEG, WebP or GIF, got something that does not decode as one (${fault})`,
    { field: param },
  );
}
