import { createPlan } from '@transprune/core';
import { expect, test } from 'vitest';
import type { StudyQuestion } from '../questions/held-out.js';
import { answersTo, type Result } from '../study.js';
import { comparisonTable, gain, keptOf, singleMasks, verdict } from './comparison.js';

const ids = Array.from({ length: 40 }, (_, at) => `${at}`);
const questions = ids.map((id) => ({ id, kind: 'color' }) as StudyQuestion);

/** Right at the questions that each of its choices tells. */
function resultOf(name: string, ...choices: ((at: number) => boolean)[]): Result {
  const masks = choices.map((isRight) => new Map(ids.map((id, at) => [id, isRight(at)])));
  return {
    name,
    family: name,
    variant: { name, plan: createPlan({ stages: [] }) },
    cost: 1,
    masks,
  };
}

const all = resultOf('all', () => true);
const byChance = resultOf(
  'random',
  (at) => at < 20,
  (at) => at < 30,
  () => false,
  (at) => at < 10,
);

test('a question counts the share of the random choices that answer it right', () => {
  const points = answersTo(byChance, questions);
  expect([points[0], points[15], points[25], points[35]]).toEqual([0.75, 0.5, 0.25, 0]);
  expect(comparisonTable([all, byChance], questions, ['color'])).toContain(
    '| random | 100 | 37.5 [',
  );
});

test('a mean over choices is compared by question, and shown beside its single choices', () => {
  expect(gain(byChance, all, questions).value).toBeCloseTo(-0.625, 12);
  expect(verdict(byChance, all, questions)).toBe('worse');
  expect(keptOf(byChance, all, questions).value).toBeCloseTo(0.375, 12);
  expect(singleMasks([all, byChance], questions)).toBe(
    'Single random choices are right: random from 0.0 to 75.0 % by 4 choices.',
  );
  expect(singleMasks([all], questions)).toBe('');
});
