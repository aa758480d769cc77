import { createPlan, type PrunePlan, presetPlan } from '@transprune/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelFromConfig } from '../model/config.js';
import { modelNames, modelPreset } from '../model/presets.js';
import { type FullCostOptions, fullCost } from './full.js';

const model = modelPreset('smolvlm-256m');
const depth = model.decoder.layers.length;

const counts = fc.record({
  imageTokens: fc.integer({ min: 0, max: 300 }),
  textTokens: fc.integer({ min: 1, max: 60 }),
  decodeTokens: fc.integer({ min: 0, max: 40 }),
  logits: fc.constantFrom('all' as const, 'last' as const),
});
const ratios = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
  minLength: 1,
  maxLength: 4,
});

/** A valid plan with these ratios, the largest first, every third layer. */
function planOf(keep: readonly number[], method: PrunePlan['method']): PrunePlan {
  const stages = [...keep]
    .sort((a, b) => b - a)
    .map((keepRatio, i) => ({ afterLayer: 3 * (i + 1), keepRatio }));
  return createPlan({ method, accumulateLayers: [2, 3, 6], stages });
}

describe('fullCost, invariants', () => {
  const methods = fc.constantFrom('transprune' as const, 'random' as const);

  it('keeping everything costs the decoder nothing and saves nothing', () => {
    fc.assert(
      fc.property(counts, methods, fc.integer({ min: 1, max: 4 }), (given, method, stages) => {
        const cost = fullCost(model, planOf(new Array(stages).fill(1), method), given);
        expect(cost.plan.prefill.decoder).toEqual(cost.baseline.prefill.decoder);
        expect(cost.plan.decode).toEqual(cost.baseline.decode);
        expect(cost.plan.kvCacheBytes).toEqual(cost.baseline.kvCacheBytes);
        expect(cost.plan.prefill.scoring.earlyProjections).toBe(0);
        expect(cost.flopsBoundSpeedup).toBe(1);
      }),
    );
  });

  it('no stages is the baseline', () => {
    fc.assert(
      fc.property(counts, (given) => {
        const cost = fullCost(model, createPlan({ stages: [] }), given);
        expect(cost.plan).toEqual(cost.baseline);
        expect(cost.speedupWithScoring).toBe(1);
      }),
    );
  });

  it('lies between two bounds where the score decides how many tokens stay', () => {
    const { plan } = presetPlan('transprune-high', depth);
    const given = { imageTokens: 288, textTokens: 20 };
    const fixed = fullCost(model, plan, given);
    expect(fixed).not.toHaveProperty('least');
    const cost = fullCost(model, { ...plan, keepMass: 0.9, keepFloor: 0.25 }, given);
    expect(cost.plan).toEqual(fixed.plan);
    expect([...new Set(cost.least?.imageTokensPerLayer)]).toEqual([288, 72, 36]);
    const open = fullCost(model, { ...plan, keepMass: 0.9 }, given);
    expect([...new Set(open.least?.imageTokensPerLayer)]).toEqual([288, 1]);
  });

  it('costs less, or as much, when keep ratios fall', () => {
    fc.assert(
      fc.property(
        counts,
        ratios,
        methods,
        fc.double({ min: 0.1, max: 1, noNaN: true }),
        (given, keep, method, by) => {
          const more = fullCost(model, planOf(keep, method), given).plan;
          const less = fullCost(
            model,
            planOf(
              keep.map((r) => r * by),
              method,
            ),
            given,
          ).plan;
          expect(less.prefill.decoder.total).toBeLessThanOrEqual(more.prefill.decoder.total);
          expect(less.decode.total).toBeLessThanOrEqual(more.decode.total);
          expect(less.kvCacheBytes.afterDecode).toBeLessThanOrEqual(more.kvCacheBytes.afterDecode);
        },
      ),
    );
  });

  it('totals are sums, and the scoring only ever costs', () => {
    fc.assert(
      fc.property(counts, ratios, methods, (given, keep, method) => {
        const { plan, flopsBoundSpeedup, speedupWithScoring } = fullCost(
          model,
          planOf(keep, method),
          given,
        );
        const { vision, projector, decoder, scoring, total } = plan.prefill;
        expect(total).toBeCloseTo(
          (vision ?? 0) + (projector ?? 0) + decoder.total + scoring.total,
          0,
        );
        for (const part of [decoder, plan.decode]) {
          expect(part.total).toBe(part.projections + part.attention + part.mlp + part.lmHead);
        }
        expect(speedupWithScoring).toBeLessThanOrEqual(flopsBoundSpeedup);
      }),
    );
  });
});

describe('fullCost, by hand', () => {
  /** 2 layers, hidden 4, 2 heads of 2 sharing 1 key-value head, FFN 3, 5 words; no vision encoder. */
  const tiny = modelFromConfig({
    num_hidden_layers: 2,
    hidden_size: 4,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 3,
    vocab_size: 5,
  });
  const plan = createPlan({ method: 'random', stages: [{ afterLayer: 1, keepRatio: 0.5 }] });
  const given: FullCostOptions = { imageTokens: 6, textTokens: 2, decodeTokens: 3 };

  it('prefill: 8 tokens in layer 1, 5 in layer 2', () => {
    const { prefill } = fullCost(tiny, plan, given).plan;
    expect(prefill.decoder).toEqual({
      projections: 13 * (16 + 8 + 8 + 16),
      attention: 2 * (64 + 25) * 4,
      mlp: 13 * 36,
      lmHead: 5 * 20,
      total: 624 + 712 + 468 + 100,
    });
    expect(prefill.scoring.total).toBe(8 / 2);
    expect(prefill.total).toBe(1904 + 4);
  });

  it('decoding: keys 9, 10, 11 in layer 1 and 6, 7, 8 in layer 2', () => {
    const { decode } = fullCost(tiny, plan, given).plan;
    expect(decode.attention).toBe(2 * (9 + 10 + 11 + 6 + 7 + 8) * 4);
    expect(decode.projections).toBe(2 * 3 * 48);
    expect(decode.mlp).toBe(2 * 3 * 36);
    expect(decode.lmHead).toBe(3 * 20);
  });

  it('cache: 8 and 5 tokens, then 3 more in each layer', () => {
    const bytes = (bytesPerElement?: number) =>
      fullCost(tiny, plan, bytesPerElement ? { ...given, bytesPerElement } : given).plan
        .kvCacheBytes;
    expect(bytes()).toEqual({ afterPrefill: 13 * 2 * 2 * 2, afterDecode: 19 * 2 * 2 * 2 });
    expect(bytes(4).afterPrefill).toBe(13 * 2 * 2 * 4);
  });

  it('logits of the last token only', () => {
    const { plan: last, baseline } = fullCost(tiny, plan, { ...given, logits: 'last' });
    expect(last.prefill.decoder.lmHead).toBe(20);
    expect(baseline.prefill.decoder.lmHead).toBe(20);
  });

  it('vision unknown: null, and counted as nothing', () => {
    const { prefill } = fullCost(tiny, plan, given).plan;
    expect(prefill.vision).toBeNull();
    expect(prefill.projector).toBeNull();
  });
});

describe('fullCost, models', () => {
  it.each(modelNames)('%s prunes with its preset, and says how much', (name) => {
    const preset = modelPreset(name);
    const { plan } = presetPlan('transprune-high', preset.decoder.layers.length);
    const cost = fullCost(preset, plan, { imageTokens: preset.imageTokens, textTokens: 60 });
    expect(cost.flopsBoundSpeedup).toBeGreaterThan(1.5);
    expect(cost.speedupWithScoring).toBeGreaterThan(0.95 * cost.flopsBoundSpeedup);
    expect(JSON.parse(JSON.stringify(cost))).toEqual(cost);
  });

  it("SmolLM2's decoder layers, 576 image and 64 text tokens: 0.46, as counted from its graph", () => {
    const { plan } = presetPlan('transprune-high', 32);
    const given = { imageTokens: 576, textTokens: 64, logits: 'last' } as const;
    const cost = fullCost(modelPreset('smollm2-135m'), plan, given);
    expect(1 / cost.flopsBoundSpeedup).toBeCloseTo(0.46, 2);
  });

  it('the projections of dropped tokens on LLaVA-1.5-7B, which no table shows', () => {
    const llava = modelPreset('llava-1.5-7b');
    const { plan } = presetPlan('transprune-high', 32);
    const { scoring } = fullCost(llava, plan, { imageTokens: 576, textTokens: 60 }).plan.prefill;
    // 72, 144 and 288 of 576 tokens dropped; q, k and v of 4096 x 4096 each.
    expect(scoring.earlyProjections).toBe((72 + 144 + 288) * 3 * 4096 ** 2);
  });

  it('the vision encoder sees the tiles it is told', () => {
    const { plan } = presetPlan('none', depth);
    const vision = (given: FullCostOptions) => fullCost(model, plan, given).plan.prefill.vision;
    const one = vision({ imageTokens: 64, textTokens: 10 }) ?? 0;
    expect(vision({ imageTokens: 832, textTokens: 10 })).toBe(13 * one);
    expect(vision({ imageTokens: 64, textTokens: 10, tiles: 2 })).toBe(2 * one);
  });
});

describe('fullCost, refusals', () => {
  const plan = createPlan({ stages: [] });
  it.each<[FullCostOptions, string]>([
    [
      { imageTokens: -1, textTokens: 1 },
      'imageTokens must be a whole number of at least 0, got -1',
    ],
    [
      { imageTokens: 1, textTokens: 2, instructionTokens: 3 },
      'instructionTokens must be a whole number from 0 to 2, got 3',
    ],
    [{ imageTokens: 0, textTokens: 0 }, 'expected at least one image or text token, got none'],
    [
      { imageTokens: 1, textTokens: 1, bytesPerElement: 0 },
      'bytesPerElement must be above 0 (4 for float32, 2 for float16), got 0',
    ],
    [
      { imageTokens: 1, textTokens: 1, decodeTokens: 0.5 },
      'decodeTokens must be a whole number of at least 0, got 0.5',
    ],
    [
      { imageTokens: 1, textTokens: 1, tiles: -1 },
      'tiles must be a whole number of at least 0, got -1',
    ],
  ])('%o', (given, message) => {
    expect(() => fullCost(model, plan, given)).toThrowError(message);
  });

  it('a plan that does not fit the depth', () => {
    const deep = planOf([0.5], 'random');
    const stages = [{ afterLayer: depth, keepRatio: 0.5 }];
    expect(() =>
      fullCost(model, { ...deep, stages }, { imageTokens: 1, textTokens: 1 }),
    ).toThrowError(/from 1 to 29 for a decoder of 30 layers, got 30/);
  });
});
