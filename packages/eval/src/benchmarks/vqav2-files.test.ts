/** VQAv2 in its own files, judged as its own evaluation does. */
import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

const ten = (...said: string[]) =>
  Array.from({ length: 10 }, (_, at) => ({ answer: said[at % said.length], answer_id: at + 1 }));

const files = {
  'vqav2/v2_OpenEnded_mscoco_val2014_questions.json': {
    info: {},
    task_type: 'Open-Ended',
    questions: [
      { image_id: 262148, question: 'Whose is it?', question_id: 262148000 },
      { image_id: 42, question: 'How many?', question_id: 42001 },
      { image_id: 42, question_id: 42002 },
    ],
  },
  'vqav2/val2014/COCO_val2014_000000262148.jpg': 'x',
  'vqav2/val2014/COCO_val2014_000000000042.jpg': 'x',
  'vqav2/v2_mscoco_val2014_annotations.json': {
    annotations: [
      { question_id: 262148000, answer_type: 'other', answers: ten("men's") },
      { question_id: 42001, answer_type: 'number', answers: ten('two', '2') },
    ],
  },
};

test("VQA's own questions are asked as LLaVA's scripts ask", async () => {
  const { questions, problems } = await open('vqav2', files);
  expect(questions).toMatchObject([
    { id: '262148000', prompt: `Whose is it?${suffix}` },
    { id: '42001', prompt: `How many?${suffix}` },
  ]);
  expect(questions[1]?.picture).toEqual({
    path: expect.stringMatching(/val2014[\\/]COCO_val2014_000000000042\.jpg$/),
  });
  expect(problems.map(({ where }) => where)).toEqual([
    'vqav2/v2_OpenEnded_mscoco_val2014_questions.json, entry 3',
  ]);
});

test("they are judged as VQA's evaluation does what it is handed", async () => {
  const { score, official } = await open('vqav2', files);
  const answers = new Map([
    ['262148000', "Men's"],
    ['42001', 'Two.'],
  ]);
  // It is handed the genitive apart, which nobody said so.
  expect(score(answers).groups).toMatchObject({
    ...{ other: { metrics: { accuracy: 0 } }, number: { metrics: { accuracy: 1 } } },
  });
  expect(JSON.parse(official(answers).get('vqav2/upload.json') ?? '')).toEqual([
    { question_id: 262148000, answer: "men 's" },
    { question_id: 42001, answer: '2' },
  ]);
});

test("questions in the form of LLaVA's files come first", async () => {
  const { questions } = await open('vqav2', {
    ...files,
    'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines({
      ...{ question_id: 42001, image: 'COCO_val2014_000000000042.jpg', text: 'How many?' },
    }),
  });
  expect(questions.map(({ id, prompt }) => [id, prompt])).toEqual([['42001', 'How many?']]);
  await expect(open('vqav2', {})).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('v2_OpenEnded_mscoco_val2014_questions.json'),
  });
});
