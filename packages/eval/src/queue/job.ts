/** What goes through the queue. */
import { z } from 'zod';
import type { Picture, Question } from '../benchmark.js';

export const queueName = 'transprune-eval';

const jobSchema = z.object({
  /** Who is to answer, in the words of whoever asks. */
  work: z.unknown(),
  id: z.string(),
  prompt: z.string(),
  /** The picture's file in base64: workers need no files of the benchmark. */
  picture: z.string().optional(),
});

export type QuestionJob = z.infer<typeof jobSchema>;

/** @throws if it is none; another program may use the same Redis */
export function parseJob(data: unknown): { readonly work: unknown; readonly question: Question } {
  const { work, id, prompt, picture } = jobSchema.parse(data);
  if (picture === undefined) return { work, question: { id, prompt } };
  const bytes: Picture = { bytes: new Uint8Array(Buffer.from(picture, 'base64')) };
  return { work, question: { id, prompt, picture: bytes } };
}

export const answerSchema = z.object({
  text: z.string(),
  metadata: z.record(z.string(), z.unknown()),
});
