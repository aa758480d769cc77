import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  imageQuotas,
  indicesAmong,
  keptImageTokens,
  selectTokens,
  stageQuotas,
} from './selection.js';

test('counts are floored, relative to the start', () => {
  expect(keptImageTokens(0.875, 576)).toBe(504);
  expect(keptImageTokens(0.0625, 576)).toBe(36);
  // Products of floats: 28.999999999999996 and 62.99999999999999.
  expect(keptImageTokens(0.29, 100)).toBe(29);
  expect(keptImageTokens(0.7, 90)).toBe(63);
});

test('counts are those of the ratio as it is written', () => {
  const digits = 10_000;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: digits }),
      fc.integer({ min: 0, max: 100_000 }),
      (ratio, tokens) => {
        const exact = (BigInt(ratio) * BigInt(tokens)) / BigInt(digits);
        const least = Math.min(tokens, 1);
        expect(keptImageTokens(ratio / digits, tokens)).toBe(Math.max(Number(exact), least));
      },
    ),
    { numRuns: 2000 },
  );
});

test('the best image tokens stay in their order, text always', () => {
  const mask = [0, 1, 1, 1, 0];
  expect(selectTokens([9, 1, 3, 2, 9], mask, imageQuotas(mask, 0.7, false))).toEqual([0, 2, 3, 4]);
});

describe('as many tokens as hold a share of the score', () => {
  const spans = [0, 1, 1, 1, 1, 0];
  const kept = (
    scores: readonly number[],
    fields: { keepMass: number; keepFloor?: number },
    keepRatio = 1,
  ) => {
    const plan = { perImage: false, ...fields };
    return stageQuotas(plan, keepRatio, spans, { scores, spans })[0]?.kept;
  };
  const scores = [9, 1, 4, 2, 1, 9];

  test('the fewest that do; text holds nothing', () => {
    expect(kept(scores, { keepMass: 0.5 })).toBe(1);
    expect(kept(scores, { keepMass: 0.51 })).toBe(2);
    expect(kept(scores, { keepMass: 0.75 })).toBe(2);
    expect(kept(scores, { keepMass: 1 })).toBe(4);
    expect(kept([0, 0, 3, 0, 0, 0], { keepMass: 1 })).toBe(1);
  });

  test('no more than the keep ratio, no less than the floor', () => {
    expect(kept(scores, { keepMass: 1 }, 0.5)).toBe(2);
    expect(kept(scores, { keepMass: 0.1, keepFloor: 0.75 })).toBe(3);
    expect(kept(scores, { keepMass: 0.1, keepFloor: 0.75 }, 0.5)).toBe(2);
  });

  test('what is below 0 or no number holds nothing; one token stays', () => {
    expect(kept([0, Number.NaN, -5, 2, 2, 0], { keepMass: 0.6 })).toBe(2);
    expect(kept([0, 0, 0, 0, 0, 0], { keepMass: 0.9 })).toBe(1);
  });

  test('a stage counts what is left, and its bounds from the start', () => {
    const left = { scores: [3, 1, 0], spans: [1, 1, 0] };
    const plan = { perImage: false, keepMass: 0.7, keepFloor: 0.5 };
    expect(stageQuotas(plan, 0.75, spans, left)[0]?.kept).toBe(2);
    expect(stageQuotas({ ...plan, keepFloor: 0 }, 0.75, spans, left)[0]?.kept).toBe(1);
  });
});

test('of equal scores the earlier token wins', () => {
  const mask = [1, 1, 1];
  expect(selectTokens([1, 1, 1], mask, imageQuotas(mask, 0.7, false))).toEqual([0, 1]);
});

test('images are ranked together, or each by itself with its own floor', () => {
  const mask = [1, 1, 1, 0, 2, 2, 2];
  const scores = [1, 2, 3, 0, 4, 5, 6];
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.5, false))).toEqual([3, 4, 5, 6]);
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.5, true))).toEqual([2, 3, 6]);
});

test('one image token stays where there is one, of each image if each has its quota', () => {
  expect([0, 1, 7, 8].map((tokens) => keptImageTokens(0.125, tokens))).toEqual([0, 1, 1, 1]);
  const mask = [1, 1, 1, 0, 2];
  const scores = [1, 3, 2, 0, 9];
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.1, false))).toEqual([3, 4]);
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.1, true))).toEqual([1, 3, 4]);
});

test('a score that is no number is the least', () => {
  const mask = [0, 1, 1, 1, 1, 0];
  const scores = [Number.NaN, Number.NaN, -5, Number.POSITIVE_INFINITY, 1, Number.NaN];
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.5, false))).toEqual([0, 2, 4, 5]);
  expect(selectTokens(scores, mask, imageQuotas(mask, 0.75, false))).toEqual([0, 1, 2, 4, 5]);
});

test('quotas are of the start, also where tokens are gone already', () => {
  const quotas = imageQuotas([1, 1, 1, 1, 2, 2, 0], 0.5, true);
  expect(selectTokens([3, 4, 5, 1, 0], [1, 1, 1, 2, 0], quotas)).toEqual([1, 2, 3, 4]);
});

test('without an image every token stays', () => {
  for (const perImage of [false, true]) {
    expect(selectTokens([1, 2], [0, 0], imageQuotas([0, 0], 0.5, perImage))).toEqual([0, 1]);
  }
});

test('whatever the scores: ascending, all text, the asked number of image tokens', () => {
  const token = fc.record({
    score: fc.float({ noNaN: true, min: -2, max: 2 }),
    span: fc.integer({ min: 0, max: 3 }),
  });
  const tokens = fc.array(token, { maxLength: 40 });
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(tokens, ratio, fc.boolean(), (sequence, keepRatio, perImage) => {
      const mask = sequence.map(({ span }) => span);
      const scores = sequence.map(({ score }) => score);
      const kept = selectTokens(scores, mask, imageQuotas(mask, keepRatio, perImage));
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
      expect(kept.filter((i) => !mask[i])).toHaveLength(mask.filter((span) => !span).length);
      const groups = perImage ? [[1], [2], [3]] : [[1, 2, 3]];
      for (const spans of groups) {
        const size = mask.filter((span) => spans.includes(span)).length;
        const left = kept.filter((i) => spans.includes(mask[i]!));
        expect(left).toHaveLength(keptImageTokens(keepRatio, size));
        const worst = Math.min(...left.map((i) => scores[i]!));
        sequence.forEach(({ score, span }, i) => {
          if (spans.includes(span) && !kept.includes(i)) expect(score).toBeLessThanOrEqual(worst);
        });
      }
    }),
  );
});

test('survivors stand where they stood, and nothing else survives', () => {
  expect(indicesAmong([0, 2, 5, 9], [0, 5, 9])).toEqual([0, 2, 3]);
  expect(indicesAmong([], [])).toEqual([]);
  expect(() => indicesAmong([0, 2, 5], [0, 3])).toThrow(
    'expected survivors among the 3 tokens before the stage, got position 3',
  );
});
