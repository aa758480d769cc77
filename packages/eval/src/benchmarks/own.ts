import { z } from 'zod';
import type { Benchmark, Question } from '../benchmark.js';
import { idSchema } from '../reading/folder.js';
import { normalizeAnswer } from '../scoring/vqa-answer.js';
import { judging, noteUnknown } from './judge.js';

const path = 'questions.jsonl';

const textSchema = z.string().regex(/\S/, 'expected a text, got an empty one');
const answerSchema = z.union(
  [textSchema, z.array(textSchema).min(1, 'expected a text, got an empty list')],
  {
    error: 'expected a text, or a list of texts each of which is right',
  },
);

const lineSchema = z.object({
  id: idSchema,
  image: z.string().optional(),
  question: textSchema,
  answer: answerSchema.optional(),
  category: idSchema.optional(),
});

interface OwnQuestion extends Question {
  /** Any of them is right. */
  readonly right: readonly string[] | undefined;
  readonly category: string | undefined;
}

/** Questions of one's own, with their answers, and pictures beside them. */
export const own: Benchmark = {
  name: 'own',
  summary:
    'your own questions: accuracy, by category; an answer is right if it is one that you give',
  source: 'a line each: {"id", "image", "question", "answer", "category"}',
  files: [path, '<image>'],
  async open(folder) {
    const lines = folder.unique(await folder.lines(path, lineSchema), ({ id }) => id);
    const found = lines.map(async (line): Promise<OwnQuestion[]> => {
      const { id, image, question: prompt, answer, category } = line;
      const right = typeof answer === 'string' ? [answer] : answer;
      const asked = { id, prompt, right, category };
      if (image === undefined) return [asked];
      const picture = await folder.picture(id, image);
      return picture ? [{ ...asked, picture }] : [];
    });
    const questions = (await Promise.all(found)).flat();
    noteUnknown(folder, path, questions, ({ right }) => right);
    return {
      questions,
      problems: folder.problems,
      ...judging({
        questions,
        truthOf: ({ right }) => right,
        wordsOf: (right) => right,
        judge: (answer, right, { category }) => {
          const isRight = right.some((each) => plain(each) === plain(answer));
          return {
            groups: category === undefined ? [] : [category],
            points: isRight ? 1 : 0,
            isReadable: isRight || lettersOf(answer) !== '',
          };
        },
      }),
      official: () => new Map(),
    };
  },
};

/**
 * As answers are compared in VQA's challenges; one of which that leaves nothing, such as the option A or a plus sign, is
 * itself.
 */
const plain = (answer: string): string =>
  normalizeAnswer(answer) || lettersOf(answer) || answer.trim();

const lettersOf = (answer: string): string => answer.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
