import { createPlan, presetPlan } from '@transprune/core';
import { describe, expect, it } from 'vitest';
import { llamaDecoder } from '../model/decoder.js';
import { modelPreset } from '../model/presets.js';
import { scoringCost } from './scoring.js';

const tiny = llamaDecoder({
  layers: 4,
  hiddenSize: 6,
  heads: 4,
  kvHeads: 2,
  headDim: 2,
  intermediateSize: 5,
  vocabularySize: 7,
  rmsNormEpsilon: 1e-6,
  ropeTheta: 10000,
  maxPositions: 64,
  tiedEmbeddings: false,
});
/** 8 image tokens, a system prompt of 1 and an instruction of 2. */
const tokens = { imageTokens: 8, textTokens: 3, instructionTokens: 2 };

/** Elementwise operations of one module's transition, from the tally's rules. */
const moduleTransition = (n: number, d: number) =>
  2 * (2 * n * d + n) + (n + n) + (n * d + n * d + n + n + n) + (n + 5 * n) + n;

describe('scoringCost', () => {
  it('by hand: one stage, one accumulated layer', () => {
    const plan = createPlan({
      accumulateLayers: [2],
      stages: [{ afterLayer: 2, keepRatio: 0.5 }],
    });
    const n = 11;
    const rows = 2;
    // Two modules, and their sum.
    const transition = 2 * moduleTransition(n, 6) + n;
    // 4 products and 2 sums per pair of rotated numbers; 4 query heads, 2 key heads of 2.
    const rotary = 3 * (rows * 4 * 2 + n * 2 * 2);
    const scale = rows * 4 * 2;
    const pairs = 4 * rows * n;
    const attention = rotary + scale + pairs + 5 * pairs + (pairs + n);
    // Twice: mask, sum, epsilon, divide. Then the sum of both.
    const score = 2 * (n + n + 1 + n) + n;
    expect(scoringCost(tiny, plan, tokens)).toEqual({
      multiplyAdds: pairs * 2,
      elementwise: transition + attention + score,
      // 4 of 8 image tokens dropped; q 6x8, k 6x4, v 6x4.
      earlyProjections: 4 * 96,
      total: 4 * 96 + pairs * 2 + (transition + attention + score) / 2,
    });
  });

  it('of latent attention every number of a head, of which some are rotated', () => {
    const latent = {
      kind: 'latent-attention',
      heads: 4,
      queryRank: null,
      latentRank: 4,
      plainDim: 3,
      rotaryDim: 2,
      valueDim: 2,
    } as const;
    const layers = tiny.layers.map((layer) => ({ ...layer, mixer: latent }));
    const plan = createPlan({ accumulateLayers: [2], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
    const cost = scoringCost({ ...tiny, layers }, plan, tokens);
    // 4 heads, 2 asking rows, 11 tokens, heads of 5.
    expect(cost.multiplyAdds).toBe(4 * 2 * 11 * 5);
  });

  it('adds each further accumulated layer and the sum over layers', () => {
    const stages = [{ afterLayer: 3, keepRatio: 0.5 }];
    const cost = (accumulateLayers: number[]) =>
      scoringCost(tiny, createPlan({ accumulateLayers, stages }), tokens).elementwise;
    const layer = 2 * moduleTransition(11, 6) + 11;
    expect(cost([2, 3]) - cost([3])).toBe(layer + 11);
    expect(cost([2, 3, 3, 4])).toBe(cost([2, 3]));
  });

  it('carries the survivors into the next stage', () => {
    const stages = [
      { afterLayer: 2, keepRatio: 0.5 },
      { afterLayer: 3, keepRatio: 0.25 },
    ];
    const cost = (accumulateLayers: number[]) =>
      scoringCost(tiny, createPlan({ accumulateLayers, stages }), tokens).elementwise;
    // 4 image tokens are left in layer 3; its transition is added to what they have.
    expect(cost([2, 3]) - cost([2])).toBe(2 * moduleTransition(7, 6) + 7 + 7);
  });

  it('carries nothing into the next stage where each has layers of its own', () => {
    const stages = [
      { afterLayer: 1, keepRatio: 0.5 },
      { afterLayer: 3, keepRatio: 0.25 },
    ];
    const plan = createPlan({ accumulateLayers: [1, 2, 3], stages });
    const { elementwise } = scoringCost(tiny, plan, tokens);
    const own = scoringCost(tiny, { ...plan, accumulation: 'per-stage' }, tokens);
    // 7 tokens are left, whose sum is not added; that of layers 2 and 3 is.
    expect(elementwise - own.elementwise).toBe(7);
  });

  it('counts only what the method needs', () => {
    const stages = [{ afterLayer: 2, keepRatio: 0.5 }];
    const random = createPlan({ method: 'random', accumulateLayers: [2], stages });
    expect(scoringCost(tiny, random, tokens)).toEqual({
      multiplyAdds: 0,
      elementwise: 11,
      earlyProjections: 0,
      total: 5.5,
    });
  });

  it('is nothing without stages or without an image', () => {
    const nothing = { multiplyAdds: 0, elementwise: 0, earlyProjections: 0, total: 0 };
    expect(scoringCost(tiny, createPlan({ stages: [] }), tokens)).toEqual(nothing);
    const { plan } = presetPlan('transprune-high', 32);
    const { decoder } = modelPreset('llava-1.5-7b');
    expect(scoringCost(decoder, plan, { ...tokens, imageTokens: 0 })).toEqual(nothing);
  });

  it('lets the last token ask where no text is after the image', () => {
    const plan = createPlan({ accumulateLayers: [2], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
    const none = scoringCost(tiny, plan, { ...tokens, instructionTokens: 0 });
    expect(none).toEqual(scoringCost(tiny, plan, { ...tokens, instructionTokens: 1 }));
  });
});
