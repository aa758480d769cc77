import { expect, test } from 'vitest';
import { lines, open } from '../../testing/benchmark.js';
import { pointsByQuestion } from './points.js';

test('points of each question, where each is judged by itself', async () => {
  const opened = await open('own', {
    'questions.jsonl': lines(
      { id: 1, question: 'a', answer: 'x' },
      { id: 2, question: 'b', answer: 'y' },
      { id: 3, question: 'c' },
    ),
  });
  const said = new Map([...'123'].map((id) => [id, 'x']));
  expect([...pointsByQuestion(opened, said)]).toEqual([
    ['1', 1],
    ['2', 0],
  ]);
  const circular = await open('mmbench-circular', {
    'mmbench/mmbench_dev_20230712.tsv': 'index\tquestion\tA\tB\tanswer\timage\n1\tq\ta\tb\tA\tAAAA',
  });
  expect(() => pointsByQuestion(circular, new Map([['1', 'A']]))).toThrow(/in groups/);
});
