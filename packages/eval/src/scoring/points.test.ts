import { expect, test } from 'vitest';
import { lines, open } from '../../testing/benchmark.js';
import { judging } from '../benchmarks/judge.js';
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
});

const questions = Array.from({ length: 2000 }, (_, at) => ({ id: `${at}`, prompt: 'a?' }));

test('each answer is judged once, and no other is looked at', () => {
  let judged = 0;
  let lookedUp = 0;
  const { score, pointsOf, rightOf } = judging({
    questions,
    truthOf: ({ id }) => {
      lookedUp++;
      return id === '7' ? undefined : 'yes';
    },
    wordsOf: (right) => [right],
    judge: (answer, right) => {
      judged++;
      return { groups: [], points: answer === right ? 1 : 0, isReadable: true };
    },
  });
  const said = new Map(questions.map(({ id }, at) => [id, at % 4 === 0 ? 'yes' : 'no']));
  const points = pointsByQuestion({ questions, pointsOf }, said);
  expect([judged, lookedUp]).toEqual([1999, 2000]);
  expect(points.size).toBe(1999);
  expect(points.has('7')).toBe(false);
  const right = [...points.values()].reduce((sum, each) => sum + each, 0);
  expect(right).toBe(500);
  expect(score(said).metrics.accuracy).toBe(500 / 1999);
  expect(pointsOf('none of them', 'yes')).toBeUndefined();
  expect(['0', '7', 'none of them'].map(rightOf)).toEqual([['yes'], undefined, undefined]);
});

test('a benchmark that judges questions in groups has no points of each', () => {
  expect(() => pointsByQuestion({ questions }, new Map())).toThrow(/in groups/);
});
