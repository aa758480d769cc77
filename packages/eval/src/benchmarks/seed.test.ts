import { expect, test } from 'vitest';
import { lines, open } from '../../testing/benchmark.js';

test('seed: pictures alone, by the kind of question', async () => {
  const entry = { choice_a: 'one', choice_b: 'two', choice_c: 'three', choice_d: 'four' };
  const { questions, score, official } = await open('seed', {
    'seed_bench/llava-seed-bench.jsonl': lines(
      { question_id: '1', image: 'SEED-Bench-image/a.jpg', text: 'How many?\nA. one\nB. two' },
      { question_id: '2', image: 'SEED-Bench-video-image/b.jpg', text: 'What next?' },
    ),
    'seed_bench/SEED-Bench-image/a.jpg': 'x',
    'seed_bench/SEED-Bench.json': {
      question_type: { 'Instances Counting': 5 },
      questions: [{ ...entry, question_id: '1', question_type_id: 5, answer: 'B' }],
    },
  });
  expect(questions.map(({ id }) => id)).toEqual(['1']);
  const answers = new Map([['1', 'Two']]);
  expect(score(answers).groups['Instances Counting']?.metrics.accuracy).toBe(1);
  expect([...official(answers).values()][0]).toBe('{"question_id":"1","prediction":"B"}\n');
});
