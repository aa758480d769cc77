import { describe, expect, it } from 'vitest';
import { llamaDecoder } from '../model/decoder.js';
import { modelPreset } from '../model/presets.js';
import { cacheBytes, decoderCost } from './decoder.js';

/** 2 layers, hidden 6, 3 heads of 2 sharing 1 key-value head, FFN 5, 7 words. */
const tiny = llamaDecoder({
  layers: 2,
  hiddenSize: 6,
  heads: 3,
  kvHeads: 1,
  headDim: 2,
  intermediateSize: 5,
  vocabularySize: 7,
  rmsNormEpsilon: 1e-6,
  ropeTheta: 10000,
  maxPositions: 64,
  tiedEmbeddings: false,
});

describe('decoderCost', () => {
  it('by hand: 4 tokens in layer 1, 3 in layer 2, logits for 3', () => {
    const cost = decoderCost(
      tiny,
      [
        { tokens: 4, keys: 4 },
        { tokens: 3, keys: 3 },
      ],
      3,
    );
    // q 6x6, k 6x2, v 6x2, o 6x6 for 7 tokens
    expect(cost.projections).toBe(7 * (36 + 12 + 12 + 36));
    // scores and mixture: 16 + 9 pairs, 3 heads of 2
    expect(cost.attention).toBe(2 * (16 + 9) * 6);
    // gate, up, down: 6x5 each
    expect(cost.mlp).toBe(7 * 3 * 30);
    expect(cost.lmHead).toBe(3 * 42);
    expect(cost.total).toBe(672 + 300 + 630 + 126);
  });

  it('by hand: one decode step over caches of 10 and 6', () => {
    const cost = decoderCost(
      tiny,
      [
        { tokens: 1, keys: 11 },
        { tokens: 1, keys: 7 },
      ],
      1,
    );
    expect(cost.projections).toBe(2 * 96);
    expect(cost.attention).toBe(2 * (11 + 7) * 6);
    expect(cost.mlp).toBe(2 * 90);
    expect(cost.lmHead).toBe(42);
  });

  it("meets every matrix weight of LLaMA-7B once per token: its checkpoint's 6,738,415,616", () => {
    const decoder = { ...modelPreset('llava-1.5-7b').decoder, vocabularySize: 32000 };
    const loads = Array.from({ length: 32 }, () => ({ tokens: 1, keys: 1 }));
    const { projections, mlp, lmHead } = decoderCost(decoder, loads, 1);
    const embeddings = 32000 * 4096;
    const norms = (2 * 32 + 1) * 4096;
    expect(projections + mlp + lmHead).toBe(6_738_415_616 - embeddings - norms);
  });
});

describe('cacheBytes', () => {
  it('by hand: keys and values of 1 head of 2, 4 and 3 tokens, float16', () => {
    expect(cacheBytes(tiny, [4, 3], 2)).toBe(2 * 7 * 2 * 2);
    expect(cacheBytes(tiny, [4, 3], 4)).toBe(2 * 7 * 2 * 4);
  });
});
