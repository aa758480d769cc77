/** Pictures and a question, as they stand on the command line. */
import { TransPruneError } from '@transprune/core';
import type { Pixels } from '@transprune/vlm';
import type { TextSource } from '../io.js';

/** A picture that was read. */
export interface Picture {
  /** As the user named it. */
  readonly name: string;
  readonly pixels: Pixels;
}

export interface Question {
  readonly pictures: readonly Picture[];
  readonly question: string;
}

const standardInput = '-';

/**
 * Reads the pictures, then the question; `-` stands for stdin, at one place.
 *
 * @throws TransPruneError INVALID_ARGUMENT if one of both is missing or the question is empty, and what a picture
 *   is at fault of
 */
export async function readInputs(inputs: readonly string[], stdin: TextSource): Promise<Question> {
  const names = inputs.slice(0, -1);
  const last = inputs.at(-1) ?? '';
  if (names.length === 0) {
    throw invalid(
      `expected pictures and a question, got ${inputs.length === 0 ? 'neither' : `only ${JSON.stringify(last)}`}; for example scene.png "what color is the heart?"`,
    );
  }
  if (inputs.filter((input) => input === standardInput).length > 1) {
    throw invalid('expected stdin (-) at one place, got it at several; name files for the others');
  }
  const question = last === standardInput ? (await readAll(stdin)).toString('utf8').trim() : last;
  checkQuestion(question);
  const pictures: Picture[] = [];
  for (const name of names) pictures.push(await readPicture(name, stdin));
  return { pictures, question };
}

/** @throws TransPruneError INVALID_ARGUMENT for an empty question */
export function checkQuestion(question: string): void {
  if (question.trim() === '') throw invalid('expected a question, got an empty one');
}

/** Reads a picture by its path or address, or from stdin. */
export async function readPicture(name: string, stdin: TextSource): Promise<Picture> {
  const { loadImage } = await import('@transprune/vlm');
  const source = name === standardInput ? new Uint8Array(await readAll(stdin)) : name;
  return { name, pixels: await loadImage(source) };
}

async function readAll(stdin: TextSource): Promise<Buffer> {
  if (stdin.isTTY) {
    throw invalid('expected something piped into stdin with -, got a terminal; name a file');
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}
