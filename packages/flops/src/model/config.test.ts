import { describe, expect, it } from 'vitest';
import { modelFromConfig } from './config.js';
import { modelPreset } from './presets.js';

const llavaFile = {
  model_type: 'llava',
  text_config: {
    model_type: 'llama',
    vocab_size: 32064,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 4096,
  },
  vision_config: {
    model_type: 'clip_vision_model',
    hidden_size: 1024,
    image_size: 336,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    patch_size: 14,
  },
  vision_feature_layer: -2,
  vision_feature_select_strategy: 'default',
};

const named = (json: unknown, name: 'llava-1.5-7b' | 'smolvlm-500m') => {
  const preset = modelPreset(name);
  return { read: modelFromConfig(json, preset.name, preset.source), preset };
};

describe('modelFromConfig', () => {
  it('fills in the sizes that LLaVA leaves to LLaMA', () => {
    const { read, preset } = named(llavaFile, 'llava-1.5-7b');
    expect(read).toEqual(preset);
  });

  it('fills in the sizes that SmolVLM-500M leaves to LLaMA and SigLIP', () => {
    const { read, preset } = named(
      {
        model_type: 'smolvlm',
        scale_factor: 4,
        text_config: {
          model_type: 'llama',
          head_dim: 64,
          hidden_size: 960,
          intermediate_size: 2560,
          max_position_embeddings: 8192,
          num_attention_heads: 15,
          num_key_value_heads: 5,
          rms_norm_eps: 1e-5,
          rope_theta: 100000,
          vocab_size: 49280,
        },
        tie_word_embeddings: false,
        vision_config: { hidden_size: 768, image_size: 512, patch_size: 16 },
      },
      'smolvlm-500m',
    );
    expect(read).toEqual(preset);
  });

  it('reads the class token as an image token where the model does', () => {
    const full = modelFromConfig({ ...llavaFile, vision_feature_select_strategy: 'full' });
    expect(full.imageTokens).toBe(577);
  });

  it('counts only the encoder layers that are read', () => {
    const layers = (vision_feature_layer: number) =>
      modelFromConfig({ ...llavaFile, vision_feature_layer }).vision?.layers;
    expect([layers(-1), layers(-2), layers(12)]).toEqual([24, 23, 12]);
  });

  it('knows that SigLIP has no class token', () => {
    const vision_config = { ...llavaFile.vision_config, model_type: 'siglip_vision_model' };
    expect(modelFromConfig({ ...llavaFile, vision_config }).vision?.extraTokens).toBe(0);
    expect(modelFromConfig(llavaFile).vision?.extraTokens).toBe(1);
  });

  it("reads Qwen's windows of 8 x 8 patches, and the 4 of 32 layers without", () => {
    expect(modelPreset('qwen2.5-vl-7b').vision).toMatchObject({
      layers: 32,
      fullAttentionLayers: 4,
      windowPatches: 64,
    });
  });

  it('takes a language model alone', () => {
    const model = modelFromConfig({
      hidden_size: 8,
      num_attention_heads: 2,
      num_hidden_layers: 2,
      intermediate_size: 16,
      vocab_size: 10,
    });
    expect(model.vision).toBeNull();
    expect(model.notes).toEqual([]);
    expect(model.decoder.layers[1]?.mixer).toMatchObject({ heads: 2, kvHeads: 2, headDim: 4 });
  });

  it('says so when it does not know the vision encoder', () => {
    const model = modelFromConfig({ ...llavaFile, model_type: 'pixtral' });
    expect(model.vision).toBeNull();
    expect(model.notes).toEqual([
      'the vision encoder is not counted: model_type "pixtral" is not one whose encoder is known here',
    ]);
  });

  it('does not take any encoder inside a LLaVA for CLIP', () => {
    const vision_config = { ...llavaFile.vision_config, model_type: 'conv_transformer' };
    const model = modelFromConfig({ ...llavaFile, vision_config, image_seq_length: 144 });
    expect(model.vision).toBeNull();
    expect(model.imageTokens).toBe(144);
    expect(model.notes).toEqual([
      'the vision encoder is not counted: "conv_transformer" is not one that model_type "llava" is known with',
    ]);
  });

  it.each([
    [null, 'expected config.json to be a JSON object, got null'],
    [{ ...llavaFile, vision_config: 3 }, 'expected vision_config to be a JSON object, got 3'],
    [
      { ...llavaFile, vision_config: { ...llavaFile.vision_config, patch_size: '14' } },
      'expected patch_size in config.json to be a whole number above 0, got "14"',
    ],
    [
      { model_type: 'qwen2_5_vl', vision_config: {} },
      'expected text_config in config.json to be a JSON object, got nothing, nor a hidden_size beside it; the file leaves the whole decoder to the defaults of its class, of model_type "qwen2_5_vl"',
    ],
  ])('names what is wrong (%#)', (json, message) => {
    expect(() => modelFromConfig(json)).toThrowError(
      expect.objectContaining({ code: 'INVALID_MODEL', message }),
    );
  });
});
