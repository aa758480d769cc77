import { TransPruneError } from '@transprune/core';
import { describe, expect, it } from 'vitest';
import { modelFromConfig } from '../config.js';

const sizes = {
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  vocab_size: 100,
};

function refusal(json: unknown) {
  try {
    modelFromConfig(json);
  } catch (error) {
    if (TransPruneError.isInstance(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'none';
}

const noImageTokens = 'so its decoder has no image tokens that could be pruned';

describe('models without image tokens in the decoder', () => {
  it.each([
    [{ model_type: 'florence2', text_config: { model_type: 'florence2_language', ...sizes } }],
    [{ model_type: 'pix2struct', is_encoder_decoder: true, text_config: sizes }],
    [{ model_type: 'vision-encoder-decoder', is_encoder_decoder: true, ...sizes }],
    [{ model_type: 'florence2', text_config: { model_type: 'bart', is_encoder_decoder: true } }],
  ])('%o', (json) => {
    expect(refusal(json)).toBe(
      `UNSUPPORTED_MODEL: model_type "${json.model_type}" is an encoder-decoder: it reads the picture in its encoder, ${noImageTokens}`,
    );
  });

  it.each([
    [{ model_type: 'mllama', text_config: { model_type: 'mllama_text_model', ...sizes } }],
    [{ model_type: 'other', text_config: { ...sizes, cross_attention_layers: [3] } }],
    [{ model_type: 'idefics', ...sizes }],
  ])('%o', (json) => {
    expect(refusal(json)).toBe(
      `UNSUPPORTED_MODEL: model_type "${json.model_type}" reads the picture by cross-attention, ${noImageTokens}`,
    );
  });
});

describe('layers that are not known', () => {
  it.each([
    [
      { model_type: 'falcon_h1', ...sizes, mamba_d_state: 256 },
      'model_type "falcon_h1" has state-space layers (mamba_d_state), which are not known here',
    ],
    [
      { model_type: 'deepseek_v32', ...sizes, index_topk: 2048 },
      'model_type "deepseek_v32" has sparse attention that picks keys by an index (index_topk), which is not known here',
    ],
    [
      { model_type: 'kimi_linear', ...sizes, num_experts: 8 },
      'model_type "kimi_linear" is a mixture of experts that is not known here: which layers have experts and what they share is up to its class',
    ],
    [
      { ...sizes, layer_types: ['full_attention', 'mamba', 'mamba', 'mamba'] },
      'layer 2 is a "mamba" layer, which is not known here; known are full_attention, sliding_attention, conv and linear_attention',
    ],
  ])('%o', (json, message) => {
    expect(refusal(json)).toBe(`UNSUPPORTED_MODEL: ${message}`);
  });

  it('a number of layer types that is not the number of layers', () => {
    expect(refusal({ ...sizes, layer_types: ['full_attention'] })).toBe(
      'INVALID_MODEL: expected layer_types in config.json to name 4 layers, as num_hidden_layers says, got 1',
    );
  });
});

describe('fields that are left to a class', () => {
  it('which is not known', () => {
    const { hidden_size: _, ...rest } = sizes;
    expect(refusal({ model_type: 'other', ...rest })).toBe(
      'INVALID_MODEL: expected hidden_size in config.json to be a whole number above 0, got nothing; the file relies on the defaults of its class, and those of model_type "other" are not known here',
    );
  });

  it('which has no default', () => {
    expect(refusal({ model_type: 'gemma4_text', enable_moe_block: true })).toBe(
      'INVALID_MODEL: expected num_experts in config.json to be a whole number above 0, got nothing; the file relies on the defaults of its class, and Gemma4TextConfig has none for it',
    );
  });

  it('the decoder as a whole', () => {
    expect(refusal({ model_type: 'paligemma', vision_config: {} })).toMatch(
      /^INVALID_MODEL: expected text_config .* of model_type "paligemma"$/,
    );
  });

  it('a sequence of layers of an unknown class is said to be counted as LLaMA', () => {
    const { notes } = modelFromConfig({ model_type: 'other', sliding_window: 4, ...sizes });
    expect(notes).toEqual([
      `model_type "other" is not known here: its layers are counted as LLaMA's, by the sizes in the file, and its sliding_window is taken for unused`,
    ]);
  });
});
