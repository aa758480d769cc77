import { afterEach, expect, test } from 'vitest';
import { choosePreset, chooseRatio, keepRatios, keptCounts, plan, ratiosOfCounts } from './plan.js';
import { patchCount } from './samples.js';

afterEach(() => choosePreset('transprune-high'));

test('an address restores every ratio that a slider gives, to the patch', () => {
  for (let kept = 1; kept <= patchCount; kept++) {
    chooseRatio(0, 1);
    chooseRatio(1, kept / patchCount);
    const before = keptCounts(keepRatios.value);
    expect(before[1]).toBe(kept);
    expect(ratiosOfCounts(before.join(','))).toEqual(keepRatios.value);
  }
});

test.each([
  '',
  '9,9',
  '3,2,1,1',
  '2,3,1',
  '3,2,0',
  '3,2,.5',
  `${patchCount + 1},2,1`,
  'a,b,c',
  null,
])('%s is no plan', (text) => expect(ratiosOfCounts(text)).toBeUndefined());

test('ratios never rise from prune to prune, whichever is set', () => {
  chooseRatio(2, 1);
  expect(keptCounts(keepRatios.value)).toEqual([patchCount, patchCount, patchCount]);
  chooseRatio(0, 9 / patchCount);
  expect(plan.value.stages.map(({ keepRatio }) => keepRatio * patchCount)).toEqual([9, 9, 9]);
});
