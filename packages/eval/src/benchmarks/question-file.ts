/** The question files of LLaVA's scripts: a JSON object a line, pictures in a folder beside. */
import { z } from 'zod';
import type { Question } from '../benchmark.js';
import { type Folder, idSchema } from '../reading/folder.js';

const lineSchema = z.object({
  question_id: z.union([z.string(), z.number()], { error: 'expected a text or a number' }),
  image: z.string(),
  text: z.string().min(1),
  category: idSchema.optional(),
});

/** A question of such a file, with whatever kind the file gives it. */
export interface FiledQuestion extends Question {
  readonly category?: string | undefined;
  /** The picture as the file names it. */
  readonly image: string;
  /** The id that the file gives it, of the file's type; it may not tell the question from all others. */
  readonly questionId: string | number;
}

export type Line = z.infer<typeof lineSchema>;

export interface FiledOptions {
  /** The folder of the pictures. */
  readonly pictures: string;
  /** Tells questions apart; the file's own id if left out. */
  readonly idOf?: (line: Line) => string;
}

export interface QuestionFileOptions extends FiledOptions {
  readonly path: string;
  /** Leaves questions out; all are asked if left out. */
  readonly isAsked?: (line: Line) => boolean;
}

/** How LLaVA's scripts ask for a short answer. */
export const shortInstruction = 'Answer the question using a single word or phrase.';

/** The question itself: the first line of a prompt. */
export const askedIn = (prompt: string): string => prompt.split('\n', 1)[0] ?? '';

/**
 * A line of an answers file of LLaVA's scripts, as what follows in them reads it.
 *
 * @see https://github.com/haotian-liu/LLaVA/blob/main/llava/eval/model_vqa_loader.py
 */
export interface LlavaAnswer {
  /** Of the type that the benchmark's files have. */
  readonly question_id: string | number;
  readonly prompt: string;
  readonly text: string;
}

/** @param text what was answered, if it is not to be written otherwise */
export const llavaAnswer = (
  { questionId, prompt }: Pick<FiledQuestion, 'questionId' | 'prompt'>,
  text: string,
): LlavaAnswer => ({ question_id: questionId, prompt, text });

/** Questions of a file whose pictures are there. */
export async function questionFile(
  folder: Folder,
  { path, isAsked = () => true, ...options }: QuestionFileOptions,
): Promise<FiledQuestion[]> {
  return filed(folder, (await folder.lines(path, lineSchema)).filter(isAsked), options);
}

/** The same of questions that were read otherwise. */
export async function filed(
  folder: Folder,
  lines: readonly Line[],
  { pictures, idOf = (line) => `${line.question_id}` }: FiledOptions,
): Promise<FiledQuestion[]> {
  const found = folder.unique(lines, idOf).map(async (line) => {
    const { image, text, category, question_id: questionId } = line;
    const id = idOf(line);
    const picture = await folder.picture(id, `${pictures}/${image}`);
    return picture ? [{ id, prompt: text, picture, category, image, questionId }] : [];
  });
  return (await Promise.all(found)).flat();
}
