import { expect, test } from 'vitest';
import { checkKeepRatios } from './keep-ratios.js';

test('keep ratios are one number in (0, 1] for each prune', () => {
  expect(checkKeepRatios([1, 0.5], 2)).toEqual([1, 0.5]);
  expect(checkKeepRatios([0.5], undefined)).toEqual([0.5]);
  expect(() => checkKeepRatios([0.5], 2)).toThrow(/must be 2 numbers.*got 1/);
  expect(() => checkKeepRatios([0.5, 0], 2)).toThrow(/above 0 and at most 1, got 0/);
  expect(() => checkKeepRatios([1.5], undefined)).toThrow(/got 1.5/);
  expect(() => checkKeepRatios([Number.NaN], 1)).toThrow(/got NaN/);
  expect(() => checkKeepRatios(0.5 as never, 1)).toThrow(/must be 1 number, .*got 0.5/);
  expect(() => checkKeepRatios(0.5 as never, undefined)).toThrow(
    /must be a list of numbers.*got 0.5/,
  );
});

test('a later prune keeps no more than the one before', () => {
  expect(checkKeepRatios([0.5, 0.5], 2)).toEqual([0.5, 0.5]);
  expect(() => checkKeepRatios([0.5, 0.6], 2)).toThrow(/must not rise .*, got 0.6 after 0.5/);
});
