import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keptImageTokens, selectTokens } from './selection.js';

test('counts are floored in float64, relative to the start', () => {
  expect(keptImageTokens(0.875, 576)).toBe(504);
  expect(keptImageTokens(0.0625, 576)).toBe(36);
  // 0.29 * 100 is 28.999999999999996; float32 would say 29.
  expect(keptImageTokens(0.29, 100)).toBe(28);
});

test('the best image tokens stay in their order, text always', () => {
  expect(selectTokens([9, 1, 3, 2, 9], [0, 1, 1, 1, 0], 2)).toEqual([0, 2, 3, 4]);
});

test('of equal scores the earlier token wins', () => {
  expect(selectTokens([1, 1, 1], [1, 1, 1], 2)).toEqual([0, 1]);
});

test('whatever the scores: ascending, all text, the asked number of image tokens', () => {
  const tokens = fc.array(fc.record({ score: fc.float({ noNaN: true }), image: fc.boolean() }), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(tokens, fc.double({ min: 0, max: 1, noNaN: true }), (sequence, ratio) => {
      const mask = sequence.map(({ image }) => Number(image));
      const images = mask.filter(Boolean).length;
      const count = keptImageTokens(ratio, images);
      const kept = selectTokens(
        sequence.map(({ score }) => score),
        mask,
        count,
      );
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
      expect(kept.filter((i) => mask[i])).toHaveLength(count);
      expect(kept.filter((i) => !mask[i])).toHaveLength(sequence.length - images);
    }),
  );
});
