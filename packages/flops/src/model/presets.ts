/**
 * Models by name. Each is the sizes out of the public `config.json` it names, spelled out where that
 * file relies on defaults; the tests hold every one against the number of weights in its checkpoint.
 */
import { didYouMean, TransPruneError } from '@transprune/core';
import { modelFromConfig } from './config.js';
import type { Model } from './model.js';

interface Preset {
  /** Repository on huggingface.co. */
  readonly repository: string;
  /** The fields of its `config.json` that decide the cost. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** CLIP ViT-L/14 at 336 pixels: openai/clip-vit-large-patch14-336. */
const clipLarge336 = {
  model_type: 'clip_vision_model',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  image_size: 336,
  patch_size: 14,
};

/** Vicuna 7B v1.5: lmsys/vicuna-7b-v1.5, its vocabulary padded for the image token. */
const vicuna7b = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  vocab_size: 32064,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
};

/** SigLIP B/16 at 512 pixels: google/siglip-base-patch16-512. */
const siglipBase512 = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  image_size: 512,
  patch_size: 16,
};

/** The window-attention encoder that all sizes of Qwen2.5-VL share. */
const qwenVision = {
  depth: 32,
  hidden_size: 1280,
  intermediate_size: 3420,
  patch_size: 14,
  temporal_patch_size: 2,
  spatial_merge_size: 2,
  window_size: 112,
  fullatt_block_indexes: [7, 15, 23, 31],
};

const presets = {
  'llava-1.5-7b': {
    repository: 'llava-hf/llava-1.5-7b-hf',
    config: {
      model_type: 'llava',
      text_config: vicuna7b,
      vision_config: clipLarge336,
      vision_feature_layer: -2,
    },
  },
  'llava-1.5-13b': {
    repository: 'llava-hf/llava-1.5-13b-hf',
    config: {
      model_type: 'llava',
      // lmsys/vicuna-13b-v1.5
      text_config: {
        ...vicuna7b,
        hidden_size: 5120,
        intermediate_size: 13824,
        num_hidden_layers: 40,
        num_attention_heads: 40,
      },
      vision_config: clipLarge336,
      vision_feature_layer: -2,
    },
  },
  'llava-next-7b': {
    repository: 'llava-hf/llava-v1.6-vicuna-7b-hf',
    config: {
      model_type: 'llava_next',
      text_config: vicuna7b,
      vision_config: clipLarge336,
      vision_feature_layer: -2,
    },
  },
  'qwen2.5-vl-7b': {
    repository: 'Qwen/Qwen2.5-VL-7B-Instruct',
    config: {
      model_type: 'qwen2_5_vl',
      hidden_size: 3584,
      intermediate_size: 18944,
      num_hidden_layers: 28,
      num_attention_heads: 28,
      num_key_value_heads: 4,
      vocab_size: 152064,
      max_position_embeddings: 128000,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      tie_word_embeddings: false,
      vision_config: { ...qwenVision, out_hidden_size: 3584 },
    },
  },
  'qwen2.5-vl-3b': {
    repository: 'Qwen/Qwen2.5-VL-3B-Instruct',
    config: {
      model_type: 'qwen2_5_vl',
      hidden_size: 2048,
      intermediate_size: 11008,
      num_hidden_layers: 36,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      vocab_size: 151936,
      max_position_embeddings: 128000,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      tie_word_embeddings: true,
      vision_config: { ...qwenVision, out_hidden_size: 2048 },
    },
  },
  'smolvlm-256m': {
    repository: 'HuggingFaceTB/SmolVLM-256M-Instruct',
    config: {
      model_type: 'idefics3',
      scale_factor: 4,
      // SmolLM2-135M with SmolVLM's added tokens.
      text_config: {
        model_type: 'llama',
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: 3,
        head_dim: 64,
        vocab_size: 49280,
        max_position_embeddings: 8192,
        rms_norm_eps: 1e-5,
        rope_theta: 100000,
      },
      vision_config: siglipBase512,
      tie_word_embeddings: false,
    },
  },
  'smolvlm-500m': {
    repository: 'HuggingFaceTB/SmolVLM-500M-Instruct',
    config: {
      model_type: 'idefics3',
      scale_factor: 4,
      // SmolLM2-360M with SmolVLM's added tokens.
      text_config: {
        model_type: 'llama',
        hidden_size: 960,
        intermediate_size: 2560,
        num_hidden_layers: 32,
        num_attention_heads: 15,
        num_key_value_heads: 5,
        head_dim: 64,
        vocab_size: 49280,
        max_position_embeddings: 8192,
        rms_norm_eps: 1e-5,
        rope_theta: 100000,
      },
      vision_config: siglipBase512,
      tie_word_embeddings: false,
    },
  },
  'smolvlm-2.2b': {
    repository: 'HuggingFaceTB/SmolVLM-Instruct',
    config: {
      model_type: 'idefics3',
      scale_factor: 3,
      // SmolLM2-1.7B with SmolVLM's added tokens.
      text_config: {
        model_type: 'llama',
        hidden_size: 2048,
        intermediate_size: 8192,
        num_hidden_layers: 24,
        num_attention_heads: 32,
        num_key_value_heads: 32,
        head_dim: 64,
        vocab_size: 49155,
        max_position_embeddings: 16384,
        rms_norm_eps: 1e-5,
        rope_theta: 273768,
      },
      // The shape-optimized SigLIP, So400m, at 384 pixels.
      vision_config: {
        hidden_size: 1152,
        intermediate_size: 4304,
        num_hidden_layers: 27,
        image_size: 384,
        patch_size: 14,
      },
      tie_word_embeddings: false,
    },
  },
  'smollm2-135m': {
    repository: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    config: {
      model_type: 'llama',
      hidden_size: 576,
      intermediate_size: 1536,
      num_hidden_layers: 30,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      head_dim: 64,
      vocab_size: 49152,
      max_position_embeddings: 8192,
      rms_norm_eps: 1e-5,
      rope_theta: 100000,
      tie_word_embeddings: true,
    },
  },
  'qwen2.5-0.5b': {
    repository: 'Qwen/Qwen2.5-0.5B-Instruct',
    config: {
      model_type: 'qwen2',
      hidden_size: 896,
      intermediate_size: 4864,
      num_hidden_layers: 24,
      num_attention_heads: 14,
      num_key_value_heads: 2,
      vocab_size: 151936,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      tie_word_embeddings: true,
    },
  },
} as const satisfies Record<string, Preset>;

export type ModelName = keyof typeof presets;
export const modelNames = Object.keys(presets) as readonly ModelName[];

/**
 * A model by name.
 *
 * @throws TransPruneError NOT_FOUND for a name that is none of `modelNames`
 */
export function modelPreset(name: string): Model {
  if (!isModelName(name)) {
    throw new TransPruneError(
      'NOT_FOUND',
      `model must be one of ${modelNames.join(', ')}, got ${name}${didYouMean(`${name}`, modelNames)}; for any other read its config.json`,
      { field: 'model', got: name },
    );
  }
  const { config, repository } = presets[name];
  return modelFromConfig(config, name, `huggingface.co/${repository}`);
}

/** The fields of a preset's `config.json` that decide its cost. */
export function presetConfig(name: ModelName): Readonly<Record<string, unknown>> {
  return presets[name].config;
}

function isModelName(name: string): name is ModelName {
  return (modelNames as readonly string[]).includes(name);
}
