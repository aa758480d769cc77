import { describe, expect, test } from 'vitest';
import { seededRandom } from './random.js';
import { createSampler } from './sampler.js';

const logits = Float32Array.of(0, 3, 1, 3, -1, Number.NEGATIVE_INFINITY);

/** How often each token is drawn, of many draws. */
function counts(sampling: Parameters<typeof createSampler>[0], draws = 2000): number[] {
  const sample = createSampler({ seed: 1, ...sampling });
  const found = new Array<number>(logits.length).fill(0);
  for (let draw = 0; draw < draws; draw++) found[sample(logits)]! += 1;
  return found;
}

test('without a temperature it is the likeliest token, the first of several', () => {
  expect(createSampler()(logits)).toBe(1);
  expect(createSampler({ temperature: 0, topK: 3, seed: 7 })(logits)).toBe(1);
});

describe('drawn tokens', () => {
  test('come as often as the softmax says', () => {
    const found = counts({ temperature: 1 }, 20_000);
    const weights = Array.from(logits, Math.exp);
    const sum = weights.reduce((all, weight) => all + weight, 0);
    found.forEach((count, id) => {
      expect(count / 20_000).toBeCloseTo((weights[id] ?? 0) / sum, 1);
    });
    expect(found[5]).toBe(0);
  });

  test('are sharper at lower temperatures', () => {
    const [cold, warm] = [counts({ temperature: 0.5 }), counts({ temperature: 2 })];
    expect((cold[1] ?? 0) + (cold[3] ?? 0)).toBeGreaterThan((warm[1] ?? 0) + (warm[3] ?? 0));
  });

  test('are among the likeliest k, or those that reach p', () => {
    expect(counts({ temperature: 5, topK: 3 }).map((count) => count > 0)).toEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(counts({ temperature: 1, topP: 0.8 }).map((count) => count > 0)).toEqual([
      false,
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(counts({ temperature: 1, topK: 1 })[1]).toBe(2000);
  });

  test('are the same with the same seed', () => {
    const drawn = (seed?: number) => {
      const sample = createSampler({ temperature: 1, ...(seed !== undefined && { seed }) });
      return Array.from({ length: 60 }, () => sample(logits)).join('');
    };
    expect(drawn(3)).toBe(drawn(3));
    expect(drawn(3)).not.toBe(drawn(4));
    expect(drawn()).not.toBe(drawn());
  });
});

test('random numbers are spread over [0, 1)', () => {
  const random = seededRandom(42);
  const numbers = Array.from({ length: 10_000 }, random);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  expect(mean).toBeCloseTo(0.5, 1);
});
