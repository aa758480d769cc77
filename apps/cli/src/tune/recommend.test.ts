import { createPlan } from '@transprune/core';
import { share } from '@transprune/eval';
import { expect, test } from 'vitest';
import { planOptions } from './document.js';
import { fewestQuestions, paretoFront, recommend } from './recommend.js';
import type { Result } from './results.js';

const exactly = (value: number) => ({ value, low: value, high: value });

/** A result of so much time and accuracy; the unpruned is right at 90 %. */
function result(name: string, time: number, right: number, low: number, changes = {}): Result {
  const stages = name === 'unpruned' ? [] : [{ afterLayer: 2, keepRatio: 0.5 }];
  const schedule = { name, family: name, plan: createPlan({ stages }), isBaseline: false };
  return {
    ...{ schedule, cost: time, accuracy: exactly(right), time: exactly(time) },
    difference: { value: right - 0.9, low, high: 0.1 },
    ...{ answerMs: 1, prefillMs: 1, ...changes },
  };
}

const unpruned = result('unpruned', 1, 0.9, 0);
const mild = result('mild', 0.8, 0.9, -0.005);
const hard = result('hard', 0.6, 0.895, -0.05);
const harsh = result('harsh', 0.4, 0.7, -0.3);
const worse = result('worse', 0.7, 0.8, -0.2);
const all = [unpruned, mild, hard, harsh, worse];

test('on the front are those that no other is cheaper than and as right as', () => {
  expect([...paretoFront(all, 'time')]).toEqual([mild, hard, harsh]);
  const twin = result('twin', 0.8, 0.9, 0);
  expect(paretoFront([...all, twin], 'time').has(twin)).toBe(true);
});

test('recommended is the cheapest within the tolerance', () => {
  expect(recommend(all, 0.01, 'time')).toEqual({
    result: hard,
    random: undefined,
  });
  expect(recommend(all, 0.05, 'time')).toMatchObject({ result: hard });
  expect(recommend(all, 0, 'time')).toMatchObject({ result: mild });
  expect(recommend([unpruned, harsh], 0.01, 'time')).toMatchObject({
    result: unpruned,
  });
  // A plan that is right but slower is none to recommend.
  expect(recommend([unpruned, result('slow', 1.1, 0.95, 0)], 0.01, 'time')?.result).toBe(unpruned);
  // Of two that cost the same, the one that is right more often.
  const better = result('better', 0.6, 0.899, -0.05);
  expect(recommend([...all, better], 0.01, 'time')?.result).toBe(better);
  const counted = result('counted', 1.1, 0.9, 0, { cost: 0.5 });
  expect(recommend([unpruned, counted], 0.01, 'flops')?.result).toBe(counted);
});

test('what was not timed is no choice by time, nor is what was not judged', () => {
  const untimed = result('untimed', 0.1, 0.9, 0, { time: null });
  const unjudged = result('unjudged', 0.1, 0.9, 0, { accuracy: null, difference: null });
  const others = [untimed, unjudged];
  expect([...paretoFront([...others, ...all], 'time')]).toEqual([mild, hard, harsh]);
  expect(recommend([...others, ...all], 0.01, 'time')?.result).toBe(hard);
  expect(recommend([...others, ...all], 0.01, 'flops')?.result).toBe(untimed);
  expect(recommend([unjudged], 0.01, 'time')).toBeUndefined();
});

test('random choice is never recommended, and told of where it does as well', () => {
  const random = (cost: number, right: number): Result => {
    const made = result('random', 0.3, right, 0, { cost });
    return { ...made, schedule: { ...made.schedule, isBaseline: true } };
  };
  const asGood = random(0.6, 0.9);
  expect(recommend([...all, asGood], 0.01, 'time')).toMatchObject({ result: hard, random: asGood });
  for (const other of [random(0.7, 0.9), random(0.6, 0.8)]) {
    expect(recommend([...all, other], 0.01, 'time')?.random).toBeUndefined();
  }
});

test('a plan as options of the command line', () => {
  const stages = [
    { afterLayer: 3, keepRatio: 0.5 },
    { afterLayer: 5, keepRatio: 0.25 },
  ];
  const keep = '--prune-after 3,5 --keep 0.5,0.25';
  expect(planOptions({ plan: createPlan({ stages, accumulateLayers: [3, 4, 5] }) })).toBe(keep);
  const plan = createPlan({ method: 'transition', stages, accumulateLayers: [2, 3, 4, 5] });
  expect(planOptions({ plan })).toBe(`--method transition --accumulate 2-5 ${keep}`);
  expect(planOptions({ plan }, 'keep')).toBe(
    `--method transition --positions keep --accumulate 2-5 ${keep}`,
  );
  // It takes none.
  expect(planOptions({ plan: { ...plan, method: 'fastv' } })).toBe(`--method fastv ${keep}`);
  const none = createPlan({ stages: [] });
  expect(planOptions({ plan: none })).toBe('--preset none');
  const reduction = { method: 'vision-zip', tokens: 64 } as const;
  const reduced = '--reduce vision-zip --reduce-to 64';
  expect(planOptions({ plan: none, reduction })).toBe(`--preset none ${reduced}`);
  expect(planOptions({ plan: { ...plan, method: 'fastv' }, reduction })).toBe(
    `--method fastv ${keep} ${reduced}`,
  );
});

test('fewest questions of which none lost rules out a larger loss than the tolerance', () => {
  for (const tolerance of [0.01, 0.05, 0.2]) {
    const fewest = fewestQuestions(tolerance) ?? 0;
    const reach = (count: number) => 1 - share(Array.from({ length: count }, () => true)).low;
    expect(reach(fewest)).toBeLessThanOrEqual(tolerance);
    expect(reach(fewest - 1)).toBeGreaterThan(tolerance);
  }
  expect(fewestQuestions(0)).toBeNull();
  expect(fewestQuestions(1)).toBe(0);
});
