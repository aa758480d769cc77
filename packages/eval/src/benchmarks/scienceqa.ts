import { z } from 'zod';
import type { Benchmark, Question } from '../benchmark.js';
import { idSchema } from '../reading/folder.js';
import { letterInstruction, letterOf, optionLetter, placeOf } from '../scoring/option-letter.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import { llavaAnswer } from './question-file.js';

const questionSchema = z.object({
  id: idSchema,
  image: z.string().optional(),
  conversations: z.array(z.object({ value: z.string() })).min(1),
});
const problemSchema = z
  .object({
    choices: z.array(z.string()).min(1),
    answer: z.number().int().min(0),
    subject: z.string().optional(),
    /** Text that the question goes with, which may be empty. */
    hint: z.string().nullish(),
    grade: z.string().optional(),
  })
  .refine(({ answer, choices }) => answer < choices.length, 'answer is none of the choices');

type SchoolProblem = z.infer<typeof problemSchema>;

interface ScienceQuestion extends Question {
  readonly hasPicture: boolean;
}

/** Questions of school books; those with a picture are ScienceQA-IMG. */
export const scienceqa: Benchmark = {
  name: 'scienceqa',
  summary: 'school questions with options: accuracy, of those with a picture and by subject',
  source: 'arXiv 2209.09513',
  files: [
    'scienceqa/llava_test_CQM-A.json',
    'scienceqa/problems.json',
    'scienceqa/images/test/<picture>',
  ],
  async open(folder) {
    const path = 'scienceqa/llava_test_CQM-A.json';
    const list = await folder.json(path, z.array(z.unknown()));
    const entries = folder.items(path, list, questionSchema);
    const questions: ScienceQuestion[] = [];
    for (const { id, image, conversations } of folder.unique(entries, (entry) => entry.id)) {
      const text = (conversations[0]?.value ?? '').replace('<image>', '').trim();
      const prompt = `${text}\n${letterInstruction}`;
      if (image === undefined) {
        questions.push({ id, prompt, hasPicture: false });
        continue;
      }
      const picture = await folder.picture(id, `scienceqa/images/test/${image}`);
      if (picture) questions.push({ id, prompt, picture, hasPicture: true });
    }
    const file = await folder.json('scienceqa/problems.json', z.record(z.string(), z.unknown()));
    const asked = new Set(questions.map(({ id }) => id));
    const known = Object.entries(file).filter(([id]) => asked.has(id));
    const problems = new Map(folder.entries('scienceqa/problems.json', known, problemSchema));
    noteUnknown(folder, 'scienceqa/problems.json', questions, ({ id }) => problems.get(id));
    return {
      questions,
      problems: folder.problems,
      ...judging({
        questions,
        truthOf: ({ id }) => problems.get(id),
        wordsOf: ({ answer }) => [letterOf(answer)],
        judge: (answer, problem, { hasPicture }) => {
          const letter = optionLetter(answer, problem.choices);
          return {
            groups: groupsOf(problem, hasPicture),
            points: letter === letterOf(problem.answer) ? 1 : 0,
            isReadable: letter !== undefined,
          };
        },
      }),
      official: (answers) => {
        const read = eachAnswered(questions, answers, (question, answer) => {
          const letter = optionLetter(answer, problems.get(question.id)?.choices ?? []);
          return { question, letter, text: letter ?? answer };
        });
        const results = read.map(({ question: { id }, letter }): [string, number] => [
          id,
          letter === undefined ? -1 : placeOf(letter),
        ]);
        // LLaVA's scorer tells questions with a picture by this mark.
        const lines = read.map(({ question: { id, prompt, hasPicture }, text }) =>
          llavaAnswer({ questionId: id, prompt: hasPicture ? `<image>\n${prompt}` : prompt }, text),
        );
        return new Map([
          ['scienceqa/results.json', JSON.stringify({ results: Object.fromEntries(results) })],
          ['scienceqa/answers.jsonl', jsonLines(lines)],
        ]);
      },
    };
  },
};

/**
 * Those of the paper's table.
 *
 * @see https://github.com/lupantech/ScienceQA/blob/main/tools/evaluate_acc.py
 */
function groupsOf({ subject, hint, grade }: SchoolProblem, hasPicture: boolean): string[] {
  const groups = [hasPicture ? 'with picture' : 'without picture'];
  if (subject) groups.push(subject);
  if (hint) groups.push('with text');
  else if (!hasPicture && hint !== undefined) groups.push('without context');
  const year = Number(/^grade(\d+)$/.exec(grade ?? '')?.[1]);
  if (year > 0) groups.push(year <= 6 ? 'grades 1 to 6' : 'grades 7 to 12');
  return groups;
}
