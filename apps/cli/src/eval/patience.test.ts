import { expect, test } from 'vitest';
import { patienceWith } from './patience.js';

const failed = (...ids: number[]) =>
  ids.map((id) => ({ where: `question ${id}`, what: 'no answer' }));

test.each([
  ['five questions of many', { open: 100, answered: 0, before: 0 }, failed(1, 2, 3, 4, 5), true],
  ['all questions of few', { open: 2, answered: 0, before: 0 }, failed(1, 2), true],
  ['four of many', { open: 100, answered: 0, before: 0 }, failed(1, 2, 3, 4), false],
  [
    'five, and one is answered',
    { open: 100, answered: 1, before: 0 },
    failed(1, 2, 3, 4, 5),
    false,
  ],
  ['one, of each in turn', { open: 100, answered: 0, before: 0 }, failed(1, 1, 1, 1, 1, 1), false],
  [
    'what a run left that is done',
    { open: 6, answered: 0, before: 20 },
    failed(1, 2, 3, 4, 5),
    false,
  ],
  [
    'the next after a few answers',
    { open: 90, answered: 0, before: 10 },
    failed(1, 2, 3, 4, 5),
    true,
  ],
])('%s', (_, asked, failures, givesUp) => {
  const { signal, watch } = patienceWith('somebody');
  watch(asked, failures);
  expect(signal.aborted).toBe(givesUp);
});

test('says who, how many, and why', () => {
  const { signal, watch } = patienceWith('somebody');
  watch({ open: 3, answered: 0, before: 0 }, failed(1, 2, 3));
  expect(signal.reason.message).toBe(
    'expected answers from somebody, got none to 3 questions; question 1: no answer',
  );
});
