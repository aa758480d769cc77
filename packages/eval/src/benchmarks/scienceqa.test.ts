import { expect, test } from 'vitest';
import { open } from '../../testing/benchmark.js';

test('scienceqa: letters, with a picture and without', async () => {
  const { questions, score, problems } = await open('scienceqa', {
    'scienceqa/llava_test_CQM-A.json': [
      { id: '1', image: '1/a.png', conversations: [{ value: '<image>\nWhich?\nA. cat\nB. dog' }] },
      { id: '2', conversations: [{ value: 'Which?\nA. iron\nB. wood' }] },
      { id: '2', conversations: [{ value: 'Again?' }] },
      { conversations: [] },
    ],
    'scienceqa/images/test/1/a.png': 'x',
    'scienceqa/problems.json': {
      1: { choices: ['cat', 'dog'], answer: 1, subject: 'natural science' },
      2: { choices: ['iron', 'wood'], answer: 0, subject: 'natural science' },
    },
  });
  expect(questions[0]?.prompt).toBe(
    "Which?\nA. cat\nB. dog\nAnswer with the option's letter from the given choices directly.",
  );
  expect(problems.map(({ where }) => where)).toEqual([
    'scienceqa/llava_test_CQM-A.json, entry 4',
    'question 2',
  ]);
  const { groups, metrics, unreadable } = score(
    new Map([
      ['1', 'B. dog'],
      ['2', 'C'],
    ]),
  );
  expect(metrics.accuracy).toBe(0.5);
  expect(groups['with picture']?.metrics.accuracy).toBe(1);
  expect(groups['without picture']?.metrics.accuracy).toBe(0);
  expect(unreadable).toBe(1);
});

test('a right answer that cannot be right is told, and does not count', async () => {
  const science = await open('scienceqa', {
    'scienceqa/llava_test_CQM-A.json': [{ id: 1, conversations: [{ value: 'Which?' }] }],
    'scienceqa/problems.json': { 1: { choices: ['a', 'b'], answer: 2 } },
  });
  expect(science.problems).toHaveLength(2);
  expect(science.score(new Map([['1', 'A']]))).toMatchObject({ questions: 0, withoutTruth: 1 });
});
