import { expect, test } from 'vitest';
import { scoreBins } from './bins.js';
import { heatColor, heatRange } from './heat-map.js';

const stage = {
  afterLayer: 3,
  keepRatio: 0.5,
  candidates: [2, 3, 5, 7, 8, 9],
  scores: [0.1, 0.5, 0.2, 0.4, 0.2, 0.9],
  kept: [3, 7, 9],
  parts: undefined,
};

test('every patch is in one bin, whose score it has', () => {
  const bins = scoreBins(stage);
  expect(bins.flatMap(({ patches }) => patches).sort((a, b) => a - b)).toEqual(stage.candidates);
  for (const { from, to, patches } of bins) {
    for (const patch of patches) {
      const score = stage.scores[stage.candidates.indexOf(patch)] ?? Number.NaN;
      expect(score).toBeGreaterThan(from - 1e-9);
      expect(score).toBeLessThan(to + 1e-9);
    }
  }
});

test('no bin holds kept and dropped patches, not even of one score', () => {
  const even = { ...stage, scores: stage.scores.map(() => 0.25) };
  for (const found of [stage, even]) {
    for (const { isKept, patches } of scoreBins(found)) {
      for (const patch of patches) expect(stage.kept.includes(patch)).toBe(isKept);
    }
  }
});

test('more is lighter, all along the scale', () => {
  const lightness = Array.from({ length: 51 }, (_, at) => {
    const [red, green, blue] = heatColor(at / 50);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  expect(lightness).toEqual([...lightness].sort((a, b) => a - b));
  expect(new Set(lightness).size).toBe(51);
});

test('the outermost hundredth does not stretch the scale', () => {
  const values = [...Array.from({ length: 200 }, (_, at) => at / 200), 1000];
  expect(heatRange(values)[1]).toBeLessThan(1);
});
