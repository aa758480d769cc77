import { expect, test } from 'vitest';
import { lines, open, suffix } from '../../testing/benchmark.js';

test('gqa: the word itself, by structure; what has no truth does not count', async () => {
  const { questions, score, official } = await open('gqa', {
    'gqa/llava_gqa_testdev_balanced.jsonl': lines(
      { question_id: '7', image: 'a.jpg', text: `What is it?${suffix}` },
      { question_id: '8', image: 'a.jpg', text: `Is it red?${suffix}` },
      { question_id: '9', image: 'a.jpg', text: `Where is it?${suffix}` },
    ),
    'gqa/data/images/a.jpg': 'x',
    'gqa/data/testdev_balanced_questions.json': {
      7: { answer: 'dog', types: { structural: 'query' } },
      8: { answer: 'yes', types: { structural: 'verify' } },
    },
  });
  expect(questions).toHaveLength(3);
  const answers = new Map([
    ['7', 'Dog.'],
    ['8', 'yes it is'],
    ['9', 'left'],
  ]);
  expect(score(answers)).toEqual({
    questions: 2,
    metrics: { accuracy: 0.5 },
    groups: {
      query: { questions: 1, metrics: { accuracy: 1 } },
      verify: { questions: 1, metrics: { accuracy: 0 } },
    },
    unreadable: 0,
    withoutTruth: 1,
  });
  expect(JSON.parse([...official(answers).values()][0]!)[0]).toEqual({
    questionId: '7',
    prediction: 'dog',
  });
});
