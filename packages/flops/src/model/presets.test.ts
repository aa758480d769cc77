import { describe, expect, it } from 'vitest';
import type { DecoderDescription } from './decoder.js';
import type { VisionEncoder } from './model.js';
import { type ModelName, modelNames, modelPreset } from './presets.js';

/** Weights of a decoder: matrices, embeddings, norms, and Qwen's biases on q, k and v. */
function decoderWeights(decoder: DecoderDescription, qkvBias: boolean): number {
  const { layers, hiddenSize: d } = decoder;
  const weights = layers.map(({ mixer, ffn }) => {
    if (mixer.kind !== 'attention' || ffn.kind !== 'mlp') throw new Error('not LLaMA-like');
    const { heads, kvHeads, headDim } = mixer;
    const qkv = (heads + 2 * kvHeads) * headDim;
    return d * qkv + (qkvBias ? qkv : 0) + heads * headDim * d + 3 * d * ffn.width + 2 * d;
  });
  const all = weights.reduce((sum, layer) => sum + layer, 0);
  return all + d + decoder.vocabularySize * d * (decoder.tiedEmbeddings ? 1 : 2);
}

/** Weights of an encoder of `depth` layers with biases; norms carry `normParts` vectors each. */
function encoderWeights(vision: VisionEncoder, depth: number, normParts: number): number {
  const { hiddenSize: d, intermediateSize: m, gatedMlp, patchInputs } = vision;
  const mlp = gatedMlp ? 3 * d * m + 2 * m + d : 2 * d * m + m + d;
  return depth * (4 * d * d + 4 * d + mlp + 2 * normParts * d) + patchInputs * d;
}

const projectorWeights = (vision: VisionEncoder, bias: boolean) =>
  vision.projector.reduce((sum, m) => sum + m.inputs * m.outputs + (bias ? m.outputs : 0), 0);

/** CLIP keeps the layer that LLaVA does not read; class token, positions, norms at both ends. */
const llavaVision = (vision: VisionEncoder) =>
  encoderWeights(vision, vision.layers + 1, 2) +
  (1 + 577 + 4) * 1024 +
  projectorWeights(vision, true);

/** SigLIP: patch bias, positions, a norm at the end. */
const siglipVision = (patches: number) => (vision: VisionEncoder) =>
  encoderWeights(vision, vision.layers, 2) +
  (1 + patches + 2) * vision.hiddenSize +
  projectorWeights(vision, false);

/** No positions; norms without bias, and one before the merger. */
const qwenVision = (vision: VisionEncoder) =>
  encoderWeights(vision, vision.layers, 1) + vision.hiddenSize + projectorWeights(vision, true);

/** Number of weights in the public checkpoint, as its page on huggingface.co states it. */
const checkpoints: readonly {
  name: ModelName;
  weights: number;
  vision: (encoder: VisionEncoder) => number;
  qkvBias?: boolean;
}[] = [
  { name: 'llava-1.5-7b', weights: 7_063_427_072, vision: llavaVision },
  { name: 'qwen2.5-vl-7b', weights: 8_292_166_656, vision: qwenVision, qkvBias: true },
  { name: 'qwen2.5-vl-3b', weights: 3_754_622_976, vision: qwenVision, qkvBias: true },
  { name: 'smolvlm-256m', weights: 256_484_928, vision: siglipVision(1024) },
  { name: 'smolvlm-500m', weights: 507_482_304, vision: siglipVision(1024) },
  { name: 'smolvlm-2.2b', weights: 2_246_272_880, vision: siglipVision(729) },
  { name: 'smollm2-135m', weights: 134_515_008, vision: () => 0 },
  { name: 'qwen2.5-0.5b', weights: 494_032_768, vision: () => 0, qkvBias: true },
];

describe('presets', () => {
  it.each(checkpoints)('$name has the $weights weights of its checkpoint', (row) => {
    const { decoder, vision } = modelPreset(row.name);
    const encoder = vision ? row.vision(vision) : 0;
    expect(decoderWeights(decoder, row.qkvBias ?? false) + encoder).toBe(row.weights);
  });

  it('LLaVA-1.5-13B has the weights of Vicuna 13B and a wider projector', () => {
    const large = modelPreset('llava-1.5-13b');
    // 13,015,864,320 weights of LLaMA-13B and 64 more rows in the embedding and the lm head.
    expect(decoderWeights(large.decoder, false)).toBe(13_015_864_320 + 2 * 64 * 5120);
    expect(large.vision?.projector).toEqual([
      { inputs: 1024, outputs: 5120 },
      { inputs: 5120, outputs: 5120 },
    ]);
  });

  it('LLaVA-Next differs from LLaVA-1.5 in its tiles only', () => {
    const one = modelPreset('llava-1.5-7b');
    const five = modelPreset('llava-next-7b');
    expect(five.decoder).toEqual(one.decoder);
    expect(five.vision).toEqual(one.vision);
    expect(five.imageTokens).toBe(5 * one.imageTokens);
  });

  it('state the image tokens of one picture and what they assume', () => {
    const rows = modelNames.map((name) => {
      const { imageTokens, imageAssumption } = modelPreset(name);
      return `${name}: ${imageTokens} (${imageAssumption})`;
    });
    expect(rows).toMatchInlineSnapshot(`
      [
        "llava-1.5-7b: 576 (one tile; a tile is 336 x 336 pixels and 576 tokens)",
        "llava-1.5-13b: 576 (one tile; a tile is 336 x 336 pixels and 576 tokens)",
        "llava-next-7b: 2880 (a 2 x 2 grid of tiles and the overview, without line breaks; a tile is 336 x 336 pixels and 576 tokens)",
        "qwen2.5-vl-7b: 576 (one picture of 672 x 672 pixels)",
        "qwen2.5-vl-3b: 576 (one picture of 672 x 672 pixels)",
        "smolvlm-256m: 832 (a 4:3 picture in 13 tiles, 4 x 3 and the overview; a tile is 512 x 512 pixels and 64 tokens)",
        "smolvlm-500m: 832 (a 4:3 picture in 13 tiles, 4 x 3 and the overview; a tile is 512 x 512 pixels and 64 tokens)",
        "smolvlm-2.2b: 1053 (a 4:3 picture in 13 tiles, 4 x 3 and the overview; a tile is 384 x 384 pixels and 81 tokens)",
        "smollm2-135m: 576 (assumed, as many as LLaVA-1.5 makes)",
        "qwen2.5-0.5b: 576 (assumed, as many as LLaVA-1.5 makes)",
      ]
    `);
  });

  it('are plain data', () => {
    for (const name of modelNames) {
      const model = modelPreset(name);
      expect(JSON.parse(JSON.stringify(model))).toEqual(model);
    }
  });

  it('names the models there are when asked for another', () => {
    expect(() => modelPreset('llava-2')).toThrowError(
      /model must be one of llava-1.5-7b, .*, got llava-2; for any other read its config.json/,
    );
  });
});
