/** A file of answers, a JSON object a line: what was answered stays answered, whatever happens. */
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { z } from 'zod';
import type { Question } from '../benchmark.js';

const lineSchema = z.object({
  question_id: z.string(),
  prompt: z.string().optional(),
  text: z.string(),
  model_id: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** An answer as a file has it; files of others may lack what is optional. */
export type FiledAnswer = z.infer<typeof lineSchema>;

/** One answer, in the form of LLaVA's scripts. */
export interface AnswerLine {
  readonly question_id: string;
  readonly prompt: string;
  readonly text: string;
  readonly model_id: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * Answers of a file, by question; none if there is no file. A last line that was cut off is no answer. Where a
 * question was answered twice, the first counts.
 *
 * @param model whose answers they have to be; anyone's if left out
 * @throws TransPruneError INVALID_ARGUMENT if another line is no answer, or one of another model
 */
export async function readAnswers(path: string, model?: string): Promise<Map<string, string>> {
  const lines = await readAnswerLines(path, model);
  return new Map([...lines].map(([id, { text }]) => [id, text]));
}

/** The same with all that is noted beside an answer. */
export async function readAnswerLines(
  path: string,
  model?: string,
): Promise<Map<string, FiledAnswer>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const answers = new Map<string, FiledAnswer>();
  const lines = text.split('\n');
  // What follows the last end of a line is an answer that was being written, and nothing else.
  const rest = lines.at(-1) ?? '';
  if (rest !== '' && !rest.startsWith(lineStart.slice(0, rest.length))) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a file of answers, a JSON object {"question_id", "text"} a line, in ${path}, got ${rest.slice(0, 80)}; name another file`,
    );
  }
  for (const [at, line] of lines.slice(0, -1).entries()) {
    if (line.trim() === '') continue;
    const found = parseLine(line);
    if (!found) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected an answer {"question_id", "text"} in line ${at + 1} of ${path}, got ${line.slice(0, 80)}; name another file, or remove the line`,
      );
    }
    const { model_id: by = model } = found;
    if (model !== undefined && by !== model) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected answers of ${model} in ${path}, got one of ${by} in line ${at + 1}; name another file, so that answers of two are not mixed`,
        { path, expected: model, got: by },
      );
    }
    if (!answers.has(found.question_id)) answers.set(found.question_id, found);
  }
  return answers;
}

/**
 * Answers that are there already.
 *
 * @throws TransPruneError INVALID_ARGUMENT as `readAnswerLines` does, and for an answer to another prompt than the
 *   question of its id has
 */
export async function answeredBefore(
  questions: readonly Question[],
  { answerer, answersPath }: { readonly answerer: { name: string }; readonly answersPath: string },
): Promise<Map<string, FiledAnswer>> {
  const answers = await readAnswerLines(answersPath, answerer.name);
  for (const { id, prompt } of questions) {
    const asked = answers.get(id)?.prompt;
    if (asked === undefined || asked === prompt) continue;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected answers to these questions in ${answersPath}, got one of question ${id} when it was "${asked}"; name another place for the answers`,
      { path: answersPath, question: id },
    );
  }
  return answers;
}

/** How every line of an answers file begins. */
const lineStart = '{"question_id"';

/** Appends answers, one after another; each is on disk when `add` is done. */
export class AnswersFile {
  readonly #file: FileHandle;
  readonly #path: string;
  /** Bytes, as this run left it. */
  #size: number;
  #last: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  /** Opens a file behind its last whole line. */
  static async open(path: string): Promise<AnswersFile> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+');
    const text = await file.readFile('utf8');
    const whole = text.lastIndexOf('\n') + 1;
    const size = Buffer.byteLength(text.slice(0, whole));
    if (whole < text.length) await file.truncate(size);
    return new AnswersFile(file, path, size);
  }

  /**
   * After a line that could not be written none is: it would go on from half of that one.
   *
   * @throws TransPruneError WRITE_FAILED if somebody else wrote to the file meanwhile, and what the system says
   */
  add(line: AnswerLine): Promise<void> {
    this.#last = this.#last.then(() => this.#append(`${JSON.stringify(line)}\n`));
    return this.#last;
  }

  async #append(text: string): Promise<void> {
    const { size } = await this.#file.stat();
    if (size !== this.#size) {
      throw new TransPruneError(
        'WRITE_FAILED',
        `expected ${this.#path} to be written by this run alone, got ${size} bytes where it left ${this.#size}; end the other run, or give each a file and a part of the questions, and ask again`,
        { path: this.#path },
      );
    }
    await this.#file.appendFile(text);
    await this.#file.datasync();
    this.#size += Buffer.byteLength(text);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

function parseLine(line: string) {
  try {
    return lineSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
