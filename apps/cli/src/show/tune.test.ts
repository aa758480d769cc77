import { createPlan } from '@transprune/core';
import type { Estimate } from '@transprune/eval';
import { expect, test } from 'vitest';
import { type TuneReport, tuneReport } from '../tune/document.js';
import type { Aim } from '../tune/recommend.js';
import type { Result } from '../tune/results.js';
import { recommendation } from './tune.js';

const exactly = (value: number) => ({ value, low: value, high: value });

/** What a plan took and lost, of a model that is right at 90 % unless said otherwise. */
function result(name: string, time: number, lost: number, right = 0.9): Result {
  const stages = name === 'unpruned' ? [] : [{ afterLayer: 2, keepRatio: 0.5 }];
  const isBaseline = name.startsWith('random');
  return {
    schedule: { name, family: name, plan: createPlan({ stages }), isBaseline },
    ...{ cost: name === 'unpruned' ? 1 : 0.5, time: exactly(time), answerMs: 1, prefillMs: 1 },
    accuracy: exactly(right - lost),
    difference: { value: -lost, low: -lost - 0.002, high: 0.002 - lost },
  };
}

interface Changes {
  readonly aim?: Aim;
  readonly compared?: number;
  readonly tolerance?: number;
  readonly heldOut?: Estimate;
}

function reportOf(results: readonly Result[], changes: Changes = {}): TuneReport {
  const { compared = 1000, tolerance = 0.01, aim = 'time', heldOut = exactly(0) } = changes;
  const facts = { model: 'm', source: 's', device: 'cpu', answers: 'a', questions: compared };
  const rest = { leftOut: [], problems: [], failures: [], imageTokens: 9, textTokens: 9 };
  return tuneReport(
    { results, compared, withoutTruth: 0 },
    { ...facts, ...rest, tolerance, aim },
    heldOut,
  );
}

const unpruned = result('unpruned', 1, 0);

test('that no plan is faster is told apart from that those that are lose more', () => {
  const said = (...others: Result[]) => recommendation(reportOf([unpruned, ...others]));
  expect(said(result('slow', 1.2, 0))).toBe('Recommended: unpruned. No plan is faster here.');
  expect(said(result('slow', 1.2, 0), result('harsh', 0.5, 0.2))).toBe(
    'Recommended: unpruned. Every plan that is faster loses more than 1.0 points here.',
  );
  const untimed = { ...result('untimed', 0.5, 0), time: null };
  expect(said(result('slow', 1.2, 0), untimed)).toContain('No plan that was timed is faster here.');
});

test('chance that is faster and as right as the unpruned is told of, and not recommended', () => {
  const results = [unpruned, result('slow', 1.2, 0), result('random at 50 %', 0.8, 0)];
  const report = reportOf(results);
  expect(report.recommended).toMatchObject({ name: 'unpruned', random: 'random at 50 %' });
  expect(recommendation(report)).toBe(
    'Recommended: unpruned. No plan is faster here.\nrandom at 50 % is faster and loses no more than 1.0 points, but is a baseline that chooses by chance: it is not recommended.',
  );
  const worse = [unpruned, result('random at 50 %', 0.8, 0.1), result('random at 70 %', 1.1, 0)];
  expect(reportOf(worse).recommended?.random).toBeNull();
});

test('a model that is hardly ever right has nothing to lose, which is said', () => {
  const wrong = [result('unpruned', 1, 0, 0), result('slow', 1.2, 0, 0)];
  expect(recommendation(reportOf(wrong))).toMatch(
    /is right at 0\.0 % of .* next to nothing to lose/,
  );
  expect(recommendation(reportOf([unpruned, result('slow', 1.2, 0)]))).not.toMatch(/to lose/);
});

test('of too few questions no plan is recommended, and it is said how many it takes', () => {
  const mild = result('mild', 0.5, 0);
  const few = reportOf([unpruned, mild], { compared: 3 });
  expect(few).toMatchObject({ recommended: null, candidate: { name: 'mild' } });
  expect(few.fewestQuestions).toBe(381);
  expect(recommendation(few)).toMatch(
    /^3 questions cannot show that no more than 1\.0 points are lost, which takes 381 at least: no plan is recommended\.\nThe cheapest that lost no more than 1\.0 points here, chance aside: mild, /,
  );
  const random = result('random at 50 %', 0.4, 0);
  const chance = /random at 50 % is as right at these questions/;
  expect(recommendation(few)).not.toMatch(chance);
  expect(recommendation(reportOf([unpruned, mild, random], { compared: 3 }))).toMatch(chance);
  expect(reportOf([unpruned, mild], { compared: 380 }).recommended).toBeNull();
  expect(reportOf([unpruned, mild], { compared: 381 }).recommended?.name).toBe('mild');
  const none = reportOf([unpruned, mild], { tolerance: 0 });
  expect([none.recommended, none.fewestQuestions]).toEqual([null, null]);
  expect(recommendation(none)).toMatch(/^No number of questions shows that nothing is lost/);
  // Nothing is risked by it.
  expect(reportOf([unpruned], { compared: 3 }).recommended?.name).toBe('unpruned');
});

test('whether more is lost is told by questions that the plan was not chosen by', () => {
  const all = [unpruned, result('mild', 0.5, 0)];
  const loses = reportOf(all, { heldOut: { value: -0.03, low: -0.05, high: -0.01 } });
  expect(loses.recommended).toMatchObject({ name: 'mild', isCertain: false });
  expect(recommendation(loses)).toMatch(
    /flatters it\. .* judged by the rest, in turns: -3\.0 \[-5\.0, -1\.0\] points\. .* not ruled out/,
  );
  const holds = reportOf(all, { heldOut: { value: 0, low: -0.009, high: 0.009 } });
  expect(holds.recommended?.isCertain).toBe(true);
  expect(recommendation(holds)).toMatch(/That more than 1\.0 points are lost is ruled out\.$/m);
});
