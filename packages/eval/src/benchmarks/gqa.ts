import { z } from 'zod';
import type { Benchmark } from '../benchmark.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import { llavaAnswer, questionFile } from './question-file.js';

const truthSchema = z.object({
  answer: z.string(),
  types: z.object({ structural: z.string() }).optional(),
});

/** Questions made of scene graphs: the answer has to be the word itself. */
export const gqa: Benchmark = {
  name: 'gqa',
  summary: 'reasoning over scene graphs: accuracy, by the structure of the question',
  source: 'arXiv 1902.09506',
  files: [
    'gqa/llava_gqa_testdev_balanced.jsonl',
    'gqa/data/images/<picture>.jpg',
    'gqa/data/testdev_balanced_questions.json',
  ],
  async open(folder) {
    const path = 'gqa/llava_gqa_testdev_balanced.jsonl';
    const questions = await questionFile(folder, { path, pictures: 'gqa/data/images' });
    const truthPath = 'gqa/data/testdev_balanced_questions.json';
    const file = await folder.json(truthPath, z.record(z.string(), z.unknown()));
    const truth = new Map(folder.entries(truthPath, Object.entries(file), truthSchema));
    noteUnknown(folder, truthPath, questions, ({ id }) => truth.get(id));
    return {
      questions,
      problems: folder.problems,
      ...judging({
        questions,
        truthOf: ({ id }) => truth.get(id),
        wordsOf: ({ answer }) => [answer],
        judge: (answer, { answer: right, types }) => ({
          groups: types ? [types.structural] : [],
          points: predictionOf(answer) === right ? 1 : 0,
          isReadable: true,
        }),
      }),
      official: (answers) =>
        new Map([
          [
            'gqa/testdev_balanced_predictions.json',
            JSON.stringify(
              eachAnswered(questions, answers, ({ id }, answer) => ({
                questionId: id,
                prediction: predictionOf(answer),
              })),
            ),
          ],
          ['gqa/answers.jsonl', jsonLines(eachAnswered(questions, answers, llavaAnswer))],
        ]),
    };
  },
};

/** As LLaVA's scripts hand answers to GQA's scorer: lower case, no point at the end. */
const predictionOf = (answer: string) => answer.replace(/\.+$/, '').toLowerCase();
