import { expect, test } from 'vitest';
import { lines, open } from '../../testing/benchmark.js';

test('own: any of the answers given, articles and case aside; bad lines told', async () => {
  const line = (id: string | number, answer?: unknown, more = {}) => ({
    ...{ id, image: 'a.png', question: `question ${id}`, answer },
    ...more,
  });
  const { questions, problems, score } = await open('own', {
    'questions.jsonl': `\uFEFF${lines(
      line(1, 'The red car', { category: 'things' }),
      line(2, ['two', 'a pair'], { category: 'counts' }),
      line(3, 'A'),
      line(4),
      line(2, 'three'),
      line(6, 'x', { image: 'gone.png' }),
      line(7, 'x', { question: ' ' }),
      line(9, []),
      line(10, ['x', '']),
      line(11, '+'),
      { id: 8, question: 'without a picture', answer: 'yes' },
    )}\nno json\n`,
    'a.png': 'x',
  });
  expect(questions.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '11', '8']);
  expect(problems.map(({ where }) => where.replace(/.*\//, ''))).toEqual([
    'questions.jsonl:7',
    'questions.jsonl:8',
    'questions.jsonl:9',
    'questions.jsonl:12',
    'question 2',
    'question 6',
  ]);
  expect(problems.slice(0, 3).map(({ what }) => what)).toEqual([
    'question: expected a text, got an empty one',
    'answer: expected a text, got an empty list',
    'answer: 1: expected a text, got an empty one',
  ]);
  const answers = new Map([
    ['1', 'red car.'],
    ['2', '2'],
    ['3', 'the'],
    ['4', 'whatever'],
    ['8', '!'],
  ]);
  expect(score(answers)).toMatchObject({
    ...{ questions: 4, metrics: { accuracy: 0.5 }, unreadable: 1, withoutTruth: 1 },
    groups: {
      counts: { questions: 1, metrics: { accuracy: 1 } },
      things: { questions: 1, metrics: { accuracy: 1 } },
    },
  });
  expect(score(new Map([['3', '(A)']])).metrics.accuracy).toBe(1);
  // What nothing is left of is not right for want of letters.
  expect(score(new Map([['11', '']]))).toMatchObject({ metrics: { accuracy: 0 }, unreadable: 1 });
  expect(score(new Map([['11', '+']]))).toMatchObject({ metrics: { accuracy: 1 }, unreadable: 0 });
});
