import { z } from 'zod';
import type { Benchmark } from '../benchmark.js';
import { idSchema } from '../reading/folder.js';
import { optionLetter } from '../scoring/option-letter.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import { llavaAnswer, questionFile } from './question-file.js';

const entrySchema = z.object({
  question_id: idSchema,
  question_type_id: z.number(),
  data_type: z.string().optional(),
  answer: z.enum(['A', 'B', 'C', 'D']),
  choice_a: z.string(),
  choice_b: z.string(),
  choice_c: z.string(),
  choice_d: z.string(),
});

/** The questions about pictures; those about videos have none in LLaVA's layout, and are left out. */
export const seed: Benchmark = {
  name: 'seed',
  summary: 'four options about a picture: accuracy, by the kind of question',
  source: 'arXiv 2307.16125',
  files: [
    'seed_bench/llava-seed-bench.jsonl',
    'seed_bench/SEED-Bench.json',
    'seed_bench/SEED-Bench-image/<picture>',
  ],
  async open(folder) {
    const path = 'seed_bench/llava-seed-bench.jsonl';
    const filed = await questionFile(folder, {
      path,
      pictures: 'seed_bench',
      isAsked: ({ image }) => !image.includes('video'),
    });
    const file = await folder.json(
      'seed_bench/SEED-Bench.json',
      z.object({
        questions: z.array(z.unknown()),
        question_type: z.record(z.string(), z.number()),
      }),
    );
    const entries = folder.items('seed_bench/SEED-Bench.json', file.questions, entrySchema);
    const single = folder.unique(entries, ({ question_id }) => question_id);
    const truth = new Map(single.map((entry) => [entry.question_id, entry]));
    noteUnknown(folder, 'seed_bench/SEED-Bench.json', filed, ({ id }) => truth.get(id));
    const kinds = new Map(Object.entries(file.question_type).map(([name, id]) => [id, name]));
    const letterIn = (id: string, answer: string) => {
      const entry = truth.get(id);
      if (!entry) return undefined;
      const { choice_a, choice_b, choice_c, choice_d } = entry;
      return optionLetter(answer, [choice_a, choice_b, choice_c, choice_d]);
    };
    return {
      questions: filed,
      problems: folder.problems,
      ...judging({
        questions: filed,
        truthOf: ({ id }) => truth.get(id),
        wordsOf: ({ answer }) => [answer],
        judge: (answer, { answer: right, question_type_id }, { id }) => {
          const letter = letterIn(id, answer);
          return {
            groups: [kinds.get(question_type_id) ?? `type ${question_type_id}`],
            points: letter === right ? 1 : 0,
            isReadable: letter !== undefined,
          };
        },
      }),
      official: (answers) => {
        const predictions = eachAnswered(filed, answers, (question, answer) => ({
          question,
          prediction: letterIn(question.id, answer) ?? answer,
        }));
        const upload = predictions.map(({ question: { id }, prediction }) => ({
          question_id: id,
          prediction,
        }));
        // LLaVA's scorer looks for numbers where ids are such, and for the letter alone.
        const lines = predictions.map(({ question: { id, prompt }, prediction }) =>
          llavaAnswer({ questionId: /^\d+$/.test(id) ? Number(id) : id, prompt }, prediction),
        );
        return new Map([
          ['seed_bench/upload.jsonl', jsonLines(upload)],
          ['seed_bench/answers.jsonl', jsonLines(lines)],
        ]);
      },
    };
  },
};
