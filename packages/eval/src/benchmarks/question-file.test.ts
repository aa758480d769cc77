import { expect, test } from 'vitest';
import { open } from '../../testing/benchmark.js';

test('lines that are none, missing files and files of another kind are told', async () => {
  const { questions, problems } = await open('gqa', {
    'gqa/llava_gqa_testdev_balanced.jsonl': [
      '{"question_id": 1, "image": "a.jpg", "text": "What?"}',
      '{"question_id": 2, "image": "a.jpg"',
      '{"question_id": 3, "text": "What?"}',
      '{"question_id": 1, "image": "a.jpg", "text": "What else?"}',
    ].join('\n'),
    'gqa/data/images/a.jpg': 'x',
    'gqa/data/testdev_balanced_questions.json': { 1: { answer: 'x' } },
  });
  expect(questions.map(({ id }) => id)).toEqual(['1']);
  expect(problems).toEqual([
    { where: 'gqa/llava_gqa_testdev_balanced.jsonl:2', what: expect.stringContaining('no JSON') },
    { where: 'gqa/llava_gqa_testdev_balanced.jsonl:3', what: expect.stringContaining('image') },
    { where: 'question 1', what: expect.stringContaining('a second question') },
  ]);
  await expect(open('gqa', {})).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const broken = { 'pope/llava_pope_test.jsonl': '', 'scienceqa/llava_test_CQM-A.json': '{}' };
  await expect(open('scienceqa', broken)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
