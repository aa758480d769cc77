import { presetPlan } from '@transprune/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelPreset } from '../model/presets.js';
import { publishedFigures, publishedShifts } from './figures.js';
import { publishedCost } from './published.js';

const tflops = (figure: (typeof publishedFigures)[number]) => {
  const model = modelPreset(figure.model);
  return publishedCost(model, figure, model.imageTokens) / 1e12;
};

describe('publishedCost', () => {
  it.each(publishedFigures)('$model, $method: $tflops', (figure) => {
    expect(Math.abs(tflops(figure) - figure.tflops)).toBeLessThan(0.01);
  });

  it.each(publishedShifts)('$method: $tflops', (figure) => {
    expect(Math.abs(tflops(figure) - figure.tflops)).toBeLessThan(0.01);
  });

  it('has a figure for each published row', () => {
    expect(publishedFigures).toHaveLength(12);
    expect(publishedShifts).toHaveLength(5);
  });

  it("agrees with core's presets", () => {
    const model = modelPreset('llava-1.5-7b');
    for (const [preset, method] of [
      ['transprune-high', 'TransPrune-High'],
      ['transprune-low', 'TransPrune-Low'],
    ] as const) {
      const figure = publishedFigures.find((f) => f.method === method && f.model === model.name);
      expect(presetPlan(preset, 32).plan.stages).toEqual(figure?.stages);
    }
  });

  it('is the formula, by hand: 2 layers, d = 3, m = 5, 4 tokens and then 1', () => {
    const decoder = { layers: 2, hiddenSize: 3, intermediateSize: 5 };
    const layer = (n: number) => 4 * n * 9 + 2 * n * n * 3 + 3 * n * 3 * 5;
    const plan = { stages: [{ afterLayer: 1, keepRatio: 0.25 }] };
    expect(publishedCost({ decoder }, plan, 4)).toBe(layer(4) + layer(1));
    expect(layer(4)).toBe(144 + 96 + 180);
  });

  it('falls, or stays, when a keep ratio falls', () => {
    const model = modelPreset('smolvlm-256m');
    const ratio = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(ratio, ratio, fc.integer({ min: 1, max: 29 }), (a, b, afterLayer) => {
        const cost = (keepRatio: number) =>
          publishedCost(model, { stages: [{ afterLayer, keepRatio }] }, 832);
        expect(cost(Math.min(a, b))).toBeLessThanOrEqual(cost(Math.max(a, b)));
        expect(cost(0.5)).toBeLessThan(cost(1));
      }),
    );
  });

  it('says what is wrong with the stages or the count', () => {
    const model = modelPreset('llava-1.5-7b');
    const stages = [{ afterLayer: 32, keepRatio: 0.5 }];
    expect(() => publishedCost(model, { stages }, 576)).toThrowError(/from 1 to 31 .* got 32/);
    expect(() => publishedCost(model, { stages: [] }, 1.5)).toThrowError(
      'imageTokens must be a whole number of at least 0, got 1.5',
    );
  });
});
