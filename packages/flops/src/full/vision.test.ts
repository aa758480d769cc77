import { describe, expect, it } from 'vitest';
import type { VisionEncoder } from '../model/model.js';
import { modelPreset } from '../model/presets.js';
import { tileCount, visionCost } from './vision.js';

const tiny: VisionEncoder = {
  layout: { kind: 'tiles', patches: 4, tokens: 4 },
  extraTokens: 1,
  patchInputs: 12,
  hiddenSize: 2,
  intermediateSize: 3,
  gatedMlp: false,
  layers: 2,
  fullAttentionLayers: 2,
  windowPatches: null,
  projector: [
    { inputs: 2, outputs: 6 },
    { inputs: 6, outputs: 6 },
  ],
};

describe('visionCost', () => {
  it('by hand: 3 tiles of 4 patches and a class token', () => {
    const embedding = 4 * 12 * 2;
    const layer = 5 * (4 * 4 + 2 * 6) + 2 * 5 * 5 * 2;
    expect(visionCost(tiny, 12, 3)).toEqual({
      encoder: 3 * (embedding + 2 * layer),
      projector: 12 * (12 + 36),
    });
  });

  it('by hand: a whole picture, windows of 3, gated', () => {
    const windowed: VisionEncoder = {
      ...tiny,
      layout: { kind: 'whole', patchesPerToken: 4 },
      extraTokens: 0,
      gatedMlp: true,
      fullAttentionLayers: 1,
      windowPatches: 3,
      projector: [{ inputs: 8, outputs: 6 }],
    };
    const embedding = 8 * 12 * 2;
    const linear = 2 * 8 * (4 * 4 + 3 * 6);
    const attention = 2 * 2 * (8 * 8 + 8 * 3);
    expect(visionCost(windowed, 2, 1)).toEqual({
      encoder: embedding + linear + attention,
      projector: 2 * 48,
    });
  });

  it('takes a window for the whole picture where the picture is smaller', () => {
    const layout = { kind: 'whole', patchesPerToken: 1 } as const;
    const wide = { ...tiny, layout, fullAttentionLayers: 0, windowPatches: 64 };
    const all = { ...tiny, layout };
    expect(visionCost(wide, 9, 1)).toEqual(visionCost(all, 9, 1));
  });

  it('of CLIP ViT-L/14 at 336 pixels is the well-known 191 GMACs, of which LLaVA reads 23 layers', () => {
    const { vision } = modelPreset('llava-1.5-7b');
    if (!vision) throw new Error('LLaVA has a vision encoder');
    const whole = { ...vision, layers: 24, fullAttentionLayers: 24 };
    expect(Math.round(visionCost(whole, 576, 1).encoder / 1e9)).toBe(191);
    const read = visionCost(vision, 576, 1).encoder;
    expect(read).toBeGreaterThan(182e9);
    expect(read).toBeLessThan(184e9);
  });

  it('is nothing without a picture', () => {
    expect(visionCost(tiny, 0, 0)).toEqual({ encoder: 0, projector: 0 });
  });
});

describe('tileCount', () => {
  it('is as many as the image tokens need', () => {
    expect([0, 1, 4, 5].map((tokens) => tileCount(tiny, tokens))).toEqual([0, 1, 1, 2]);
    const whole: VisionEncoder = { ...tiny, layout: { kind: 'whole', patchesPerToken: 4 } };
    expect([0, 1, 900].map((tokens) => tileCount(whole, tokens))).toEqual([0, 1, 1]);
  });
});
