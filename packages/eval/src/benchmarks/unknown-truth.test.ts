/** Files that do not belong together are told when they are opened, not shown as a score of nothing. */
import { expect, test } from 'vitest';
import { lines, open } from '../../testing/benchmark.js';

const asked = { question_id: 1, image: 'a.jpg', text: 'Is it red?', category: 'random' };
const header = 'index\tquestion\tA\tB\tanswer\timage';
const gqa = {
  'gqa/llava_gqa_testdev_balanced.jsonl': lines(asked),
  'gqa/data/images/a.jpg': 'x',
};

test.each([
  ['own', 'questions.jsonl', { 'questions.jsonl': lines({ id: 1, question: 'Is it red?' }) }],
  [
    'scienceqa',
    'scienceqa/problems.json',
    {
      'scienceqa/llava_test_CQM-A.json': [{ id: '1', conversations: [{ value: 'Which?' }] }],
      'scienceqa/problems.json': {},
    },
  ],
  [
    'gqa',
    'gqa/data/testdev_balanced_questions.json',
    { ...gqa, 'gqa/data/testdev_balanced_questions.json': { 2: { answer: 'yes' } } },
  ],
  [
    'mmbench',
    'mmbench/mmbench_dev_20230712.tsv',
    { 'mmbench/mmbench_dev_20230712.tsv': `${header}\n1\tq\ta\tb\t\tAAAA` },
  ],
  [
    'mmbench-circular',
    'mmbench/mmbench_dev_20230712.tsv',
    { 'mmbench/mmbench_dev_20230712.tsv': `${header}\n1\tq\ta\tb\t\tAAAA` },
  ],
  [
    'pope',
    'pope/coco',
    {
      'pope/llava_pope_test.jsonl': lines(asked),
      'pope/val2014/a.jpg': 'x',
      'pope/coco/coco_pope_random.json': '',
      'pope/coco/coco_pope_popular.json': '',
      'pope/coco/coco_pope_adversarial.json': '',
    },
  ],
  [
    'textvqa',
    'textvqa/TextVQA_0.5.1_val.json',
    {
      'textvqa/llava_textvqa_val_v051_ocr.jsonl': lines(asked),
      'textvqa/train_images/a.jpg': 'x',
      'textvqa/TextVQA_0.5.1_val.json': { data: [] },
    },
  ],
  [
    'vqav2',
    'vqav2/v2_mscoco_val2014_annotations.json',
    {
      'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines(asked),
      'vqav2/val2014/a.jpg': 'x',
      'vqav2/v2_mscoco_val2014_annotations.json': { annotations: [] },
    },
  ],
  [
    'seed',
    'seed_bench/SEED-Bench.json',
    {
      'seed_bench/llava-seed-bench.jsonl': lines(asked),
      'seed_bench/a.jpg': 'x',
      'seed_bench/SEED-Bench.json': { questions: [], question_type: {} },
    },
  ],
])('%s tells that right answers are not in %s', async (name, where, files) => {
  const { questions, problems, score } = await open(name, files);
  expect(problems).toEqual([{ where, what: expect.stringContaining('to 0 of ') }]);
  expect(score(new Map(questions.map(({ id }) => [id, 'yes'])))).toMatchObject({
    ...{ questions: 0, withoutTruth: 1 },
  });
});

test('files without a question tell nothing of right answers', async () => {
  const { problems } = await open('gqa', {
    'gqa/llava_gqa_testdev_balanced.jsonl': '',
    'gqa/data/testdev_balanced_questions.json': {},
  });
  expect(problems).toEqual([]);
});
