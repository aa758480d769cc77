import { describe, expect, it } from 'vitest';
import { modelFromConfig } from '../config.js';

const text = {
  hidden_size: 1024,
  intermediate_size: 2048,
  num_hidden_layers: 4,
  num_attention_heads: 8,
  vocab_size: 1000,
};

const so400m = {
  model_type: 'siglip_vision_model',
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  patch_size: 14,
};

const read = (model_type: string, vision_config: object, more: object = {}) =>
  modelFromConfig({ model_type, text_config: text, vision_config, ...more });

describe('image tokens of one picture', () => {
  it.each([
    ['PaliGemma at 224', 256, read('paligemma', { ...so400m, image_size: 224 })],
    ['PaliGemma at 448', 1024, read('paligemma', { ...so400m, image_size: 448 })],
    ['Gemma 3', 256, read('gemma3', { ...so400m, image_size: 896 }, { mm_tokens_per_image: 256 })],
    ['Gemma 3, left out', 256, read('gemma3', { ...so400m, image_size: 896 })],
    ['Gemma 3n', 256, read('gemma3n', { model_type: 'gemma3n_vision' })],
    ['Gemma 4', 280, read('gemma4', { model_type: 'gemma4_vision' })],
    ['Gemma 4, 1120', 1120, read('gemma4', {}, { vision_soft_tokens_per_image: 1120 })],
    ['Qwen2-VL', 576, read('qwen2_vl', { patch_size: 14 })],
    ['Qwen2.5-VL', 576, read('qwen2_5_vl', { patch_size: 14 })],
    ['Qwen3-VL', 441, read('qwen3_vl', {})],
    ['Qwen3.5', 441, read('qwen3_5', {})],
    ['SmolVLM2', 832, read('smolvlm', { image_size: 512, patch_size: 16 }, { scale_factor: 4 })],
    ['InternVL3', 13 * 256, read('internvl', { image_size: [448, 448], patch_size: [14, 14] })],
    [
      'InternVL2, its own file',
      13 * 256,
      modelFromConfig({ model_type: 'internvl_chat', llm_config: text, vision_config: {} }),
    ],
    ['Aya Vision', 13 * 169, read('aya_vision', { ...so400m, image_size: 364 })],
    ['Idefics2', 64, read('idefics2', {})],
    ['GLM-OCR', 576, read('glm_ocr', {})],
    ['PaddleOCR-VL', 576, read('paddleocr_vl', {})],
    ['Mistral 3', 576, read('mistral3', { model_type: 'pixtral', patch_size: 14 })],
    [
      'LLaVA-OneVision',
      5 * 729,
      read('llava_onevision', { ...so400m, image_size: 384 }, { vision_feature_layer: -1 }),
    ],
    ['LFM2-VL', 6 * 256 + 234, read('lfm2_vl', { model_type: 'siglip2_vision_model' })],
    ['LFM2-VL, one tile', 234, read('lfm2_vl', {}, { do_image_splitting: false })],
    [
      'FastVLM',
      256,
      modelFromConfig({ model_type: 'llava_qwen2', mm_vision_tower: 'mobileclip_l_1024', ...text }),
    ],
    ['Phi-3-Vision', 757, modelFromConfig({ model_type: 'phi3_v', ...text })],
    ['a number in the file', 49, read('other', {}, { image_seq_length: 49 })],
    ['another name for it', 64, read('other', {}, { mm_tokens_per_image: 64 })],
    ['none', 576, read('other', {})],
  ])('%s: %i', (_, expected, { imageTokens, imageAssumption }) => {
    expect(imageTokens).toBe(expected);
    expect(imageAssumption).not.toBe('');
  });

  it('says what it assumes of LFM2-VL', () => {
    expect(read('lfm2_vl', {}).imageAssumption).toBe(
      'a large 4:3 picture in 3 x 2 tiles of 512 x 512 pixels and 256 tokens each, and the overview of 234',
    );
  });
});

/** Weights of a plain encoder with biases, of norms with two vectors. */
const towerWeights = (d: number, m: number, layers: number) =>
  layers * (4 * d * d + 4 * d + 2 * d * m + m + d + 4 * d);

/** Matrices of each encoder, from its own description. */
function matricesOf({ vision }: ReturnType<typeof read>): number {
  if (!vision) throw new Error('no encoder');
  const { hiddenSize: d, intermediateSize: m, layers, gatedMlp, patchInputs } = vision;
  const projector = vision.projector.reduce(
    (sum, { inputs, outputs }) => sum + inputs * outputs,
    0,
  );
  return layers * (4 * d * d + (gatedMlp ? 3 : 2) * d * m) + patchInputs * d + projector;
}

describe('encoders', () => {
  it("Gemma 3's has the 416,866,032 + 2,950,272 weights of SigLIP So400m and its projector", () => {
    const model = read(
      'gemma3',
      { ...so400m, image_size: 896 },
      { text_config: { ...text, hidden_size: 2560 } },
    );
    const biases = towerWeights(1152, 4304, 27) - 27 * (4 * 1152 ** 2 + 2 * 1152 * 4304);
    const positions = 4096 * 1152;
    // Patch bias, last norm, the projector's norm.
    expect(matricesOf(model) + biases + positions + 1152 + 2 * 1152 + 1152).toBe(
      416_866_032 + 2_950_272,
    );
  });

  it("Qwen3-VL-2B's has the 406,957,056 weights of its encoder and four mergers", () => {
    const model = read(
      'qwen3_vl',
      {
        depth: 24,
        hidden_size: 1024,
        intermediate_size: 4096,
        out_hidden_size: 2048,
        deepstack_visual_indexes: [5, 11, 17],
      },
      { text_config: { ...text, hidden_size: 2048 } },
    );
    const biases = towerWeights(1024, 4096, 24) - 24 * (4 * 1024 ** 2 + 2 * 1024 * 4096);
    const mergers = 4 * (4096 + 2048) + 2 * 1024 + 3 * 2 * 4096;
    expect(matricesOf(model) + biases + 1024 + 2304 * 1024 + mergers).toBe(406_957_056);
  });

  it("Qwen3.5-0.8B's has the 100,592,896 weights of its encoder and merger", () => {
    const model = read('qwen3_5', {
      depth: 12,
      hidden_size: 768,
      intermediate_size: 3072,
      out_hidden_size: 1024,
    });
    const biases = towerWeights(768, 3072, 12) - 12 * (4 * 768 ** 2 + 2 * 768 * 3072);
    const merger = 3072 + 1024 + 2 * 768;
    expect(matricesOf(model) + biases + 768 + 2304 * 768 + merger).toBe(100_592_896);
  });

  it('Granite Vision lays four layers side by side', () => {
    const layers = { vision_feature_layer: [-24, -20, -12, -1] };
    const { vision } = read('llava_next', { ...so400m, image_size: 384 }, layers);
    expect(vision?.layers).toBe(27);
    expect(vision?.projector[0]?.inputs).toBe(4 * 1152);
  });

  it.each([
    ['gemma3n', {}, /MobileNet-V5 is convolutional/],
    ['fast_vlm', {}, /the vision encoder is not counted/],
    ['mistral3', { model_type: 'other' }, /"other" is not one that model_type "mistral3" is known/],
  ])('%s %o is not counted, and says so', (type, vision, note) => {
    const model = read(type, vision, { image_seq_length: 256 });
    expect(model.vision).toBeNull();
    expect(model.notes).toEqual([expect.stringMatching(note)]);
    expect(model.imageTokens).toBe(256);
  });
});
