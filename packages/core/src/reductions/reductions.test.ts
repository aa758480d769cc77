import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { type NDArray, ndarray } from '../algebra/ndarray.js';
import { uniformNoise } from '../signals/noise.js';
import {
  type Reduction,
  type ReductionName,
  reducedTokens,
  reduceTokens,
  reductionMethod,
  reductionNames,
} from './index.js';

/** Features of 16 tokens in a square, and what an encoder of one head of two numbers, without class token, tells. */
function encoder(tokens = 16) {
  const noise = (seed: number, shape: readonly number[]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return ndarray(uniformNoise(seed, count), shape);
  };
  return {
    features: noise(1, [1, tokens, 3]),
    attention: algebra.softmax(noise(2, [1, 1, tokens, tokens]), -1),
    keys: noise(3, [1, 1, 2, tokens]),
  };
}

/** Without the first axis, which has one image. */
const alone = ({ shape, data }: NDArray): NDArray => ({ shape: shape.slice(1), data });

function reduce(reduction: Reduction, signals = encoder()) {
  const measures = reductionMethod(reduction).measures(algebra, signals);
  return reduceTokens(reduction, alone(signals.features), measures.map(alone));
}

describe.each(reductionNames)('%s', (method) => {
  test('leaves as many tokens as it says, at most those asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (tokens) => {
        const expected = reducedTokens({ method, tokens }, 16);
        expect(expected).toBeLessThanOrEqual(tokens);
        expect(reduce({ method, tokens }).shape).toEqual([expected, 3]);
      }),
    );
  });

  test('leaves a picture of no more tokens as it is', () => {
    const signals = encoder();
    expect(reduce({ method, tokens: 16 }, signals).data).toEqual(signals.features.data);
  });
});

test('downsampling takes means over the cells of a grid', () => {
  const features = ndarray(
    Array.from({ length: 16 }, (_, i) => i),
    [16, 1],
  );
  const at = (tokens: number) => reduceTokens({ method: 'downsample', tokens }, features, []);
  // Of the rows 0 1 | 2 3 and 4 5 | 6 7 the first and the second cell.
  expect([...at(4).data]).toEqual([2.5, 4.5, 10.5, 12.5]);
  // Two rows of three cells, which share a column: 0 1, 1 2 and 2 3.
  expect(at(7).data).toBeAllclose([2.5, 3.5, 4.5, 10.5, 11.5, 12.5], { rtol: 1e-6 });
  expect(reducedTokens({ method: 'downsample', tokens: 7 }, 16)).toBe(6);
  expect(() => reducedTokens({ method: 'downsample', tokens: 4 }, 15)).toThrow(
    'expected image tokens in a square to downsample them, got 15',
  );
});

test('DivPrune takes the token farthest from all, then those farthest from what it took', () => {
  // Directions at 0, 10, 90, 100 and 225 degrees, of different lengths, which do not count.
  const angles = [0, 10, 90, 100, 225].map((degrees) => (degrees * Math.PI) / 180);
  const features = ndarray(
    angles.flatMap((angle, i) => [(i + 1) * Math.cos(angle), (i + 1) * Math.sin(angle)]),
    [1, 5, 2],
  );
  const { measures, groups } = reductionMethod({ method: 'div-prune', tokens: 1 });
  const found = measures(algebra, { ...encoder(), features }).map(alone);
  const kept = (count: number) => groups(found, { tokens: 5, kept: count, seed: 0 }).flat();
  expect(kept(1)).toEqual([4]);
  // 10 degrees lie farther from 225 than 0 degrees do, 145 to 135; then 90 and 100 are 80 and 90 from 10.
  expect(kept(2)).toEqual([1, 4]);
  expect(kept(3)).toEqual([1, 3, 4]);
  // Equal features lie at no distance, and each is taken once.
  const alike = ndarray([1, 1, 1], [1, 3, 1]);
  const none = measures(algebra, { ...encoder(), features: alike }).map(alone);
  expect(groups(none, { tokens: 3, kept: 2, seed: 0 })).toEqual([[0], [1]]);
});

describe('VisionZip', () => {
  const groupsOf = (
    attention: readonly number[],
    similarTo: (a: number, b: number) => number,
    sizes: { tokens: number; kept: number },
  ) => {
    const count = attention.length;
    const similarity = Array.from({ length: count ** 2 }, (_, i) =>
      similarTo(Math.floor(i / count), i % count),
    );
    const flat = new Array<number>(count).fill(1 / count);
    const { groups } = reductionMethod({ method: 'vision-zip', tokens: 1 });
    const measures = [attention, flat].map((values) => ndarray(values, [count]));
    const rows = ndarray(similarity, [count, count]);
    return {
      withClass: () => groups([...measures, rows], { ...sizes, seed: 0 }),
      without: () => groups([...measures.reverse(), rows], { ...sizes, seed: 0 }),
    };
  };
  const nearness = (a: number, b: number) => -Math.abs(a - b);

  test('keeps what attention is on, and merges the others into those with like keys', () => {
    // Six tokens, three of which are left: 3 * 10 / 64 rounds to none that is merged.
    const few = groupsOf([0.1, 0.3, 0, 0.2, 0.4, 0], nearness, { tokens: 6, kept: 3 });
    expect(few.without()).toEqual([[1], [3], [4]]);
    // Of six that are left one is merged, of all others, beginning with the first.
    const attention = [0.1, 0.3, 0, 0.2, 0.4, 0, 0.3, 0.3, 0];
    const more = groupsOf(attention, nearness, { tokens: 9, kept: 6 });
    expect(more.without()).toEqual([[1], [3], [4], [6], [7], [0, 2, 5, 8]]);
  });

  test('the merged lie evenly among the others', () => {
    const attention = Array.from({ length: 24 }, (_, i) => (i < 11 ? 1 : 0));
    const { without } = groupsOf(attention, nearness, { tokens: 24, kept: 13 });
    // 13 * 10 / 64 rounds to 2: of the 13 others the first and the seventh.
    expect(without().slice(11)).toEqual([
      [11, 12, 13, 14],
      [17, 15, 16, 18, 19, 20, 21, 22, 23],
    ]);
  });

  test('asks the class token where there is one, and never keeps it', () => {
    const attention = [0.9, 0.1, 0.3, 0, 0.2];
    const { withClass } = groupsOf(attention, nearness, { tokens: 4, kept: 2 });
    expect(withClass()).toEqual([[1], [3]]);
  });

  test('an encoder whose tokens become fewer by themselves is refused', () => {
    const { without } = groupsOf([1, 1, 1, 1], nearness, { tokens: 1, kept: 1 });
    expect(without).toThrow('got 4 tokens and 1 image tokens; choose another reduction');
  });

  test('measures attention and keys as means over heads', () => {
    const { measures } = reductionMethod({ method: 'vision-zip', tokens: 1 });
    // Two heads of two tokens; keys of one number a head.
    const attention = ndarray([1, 0, 0.5, 0.5, 0, 1, 0, 1], [1, 2, 2, 2]);
    const keys = ndarray([1, -2, 3, -4], [1, 2, 1, 2]);
    const [first, all, similarity] = measures(algebra, { ...encoder(), attention, keys });
    expect(first).toBeAllclose({ shape: [1, 2], data: [0.5, 0.5] }, { rtol: 1e-6 });
    expect(all).toBeAllclose({ shape: [1, 2], data: [0.375, 0.625] }, { rtol: 1e-6 });
    expect(similarity).toBeAllclose({ shape: [1, 2, 2], data: [1, -1, -1, 1] }, { rtol: 1e-6 });
  });
});

test('a random choice is that of its seed', () => {
  const kept = (seed: number) => [...reduce({ method: 'random', tokens: 5, seed }).data];
  expect(kept(1)).toEqual(kept(1));
  expect(kept(1)).not.toEqual(kept(2));
});

test('what is no reduction is refused', () => {
  const method = 'fast' as ReductionName;
  expect(() => reducedTokens({ method, tokens: 4 }, 16)).toThrow(
    "a reduction's method must be one of downsample, vision-zip, div-prune, random, got fast",
  );
  for (const tokens of [0, 1.5, Number.NaN]) {
    expect(() => reducedTokens({ method: 'random', tokens }, 16)).toThrow(
      `a reduction's tokens must be a whole number from 1, got ${tokens}`,
    );
  }
});
