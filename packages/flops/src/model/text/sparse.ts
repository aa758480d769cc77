/** Mixtures of experts, and multi-head latent attention (DeepSeek, MiniCPM3). */
import type { Fields } from '../fields.js';
import {
  type ExpertFields,
  everyNth,
  type Families,
  qwenWindows,
  type TextFamily,
  windowEverywhere,
} from './family.js';
import { deltaRuleDefaults, hybridType } from './qwen.js';

/** Qwen: every `decoder_sparse_step`-th layer, but none of `mlp_only_layers`. */
function qwenSparse({ mlp_only_layers, decoder_sparse_step }: Fields, layer: number): boolean {
  const dense = Array.isArray(mlp_only_layers) && mlp_only_layers.includes(layer);
  return !dense && (layer + 1) % Number(decoder_sparse_step ?? 1) === 0;
}

const qwenExperts: ExpertFields = { width: 'moe_intermediate_size', sparse: qwenSparse };

const qwenSharedExperts: ExpertFields = {
  ...qwenExperts,
  sharedWidth: ({ shared_expert_intermediate_size }) => shared_expert_intermediate_size,
  sharedGate: true,
};

/** DeepSeek, GLM: dense in the first `first_k_dense_replace` layers; shared experts of the same width. */
const deepseekExperts: ExpertFields = {
  width: 'moe_intermediate_size',
  sparse: ({ first_k_dense_replace, num_experts }, layer) =>
    typeof num_experts === 'number' && layer >= Number(first_k_dense_replace ?? 0),
  sharedWidth: ({ n_shared_experts, moe_intermediate_size }) =>
    Number(n_shared_experts ?? 0) * Number(moe_intermediate_size),
};

const plainExperts: ExpertFields = { width: 'intermediate_size' };

const qwen3VlMoe: TextFamily = {
  source: 'Qwen3VLMoeTextConfig',
  defaults: {
    vocab_size: 151936,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    moe_intermediate_size: 1408,
    num_experts_per_tok: 4,
    num_experts: 60,
    tie_word_embeddings: true,
  },
  experts: qwenExperts,
};

const qwen35Moe: TextFamily = {
  source: 'Qwen3_5MoeTextConfig',
  defaults: {
    ...deltaRuleDefaults,
    vocab_size: 248320,
    hidden_size: 2048,
    num_hidden_layers: 40,
    num_attention_heads: 16,
    num_key_value_heads: 2,
    head_dim: 256,
    moe_intermediate_size: 512,
    shared_expert_intermediate_size: 512,
    num_experts_per_tok: 8,
    num_experts: 256,
  },
  layerType: hybridType,
  outputGate: true,
  experts: { ...qwenSharedExperts, sparse: () => true },
};

const deepseekV3: TextFamily = {
  source: 'DeepseekV3Config',
  defaults: {
    vocab_size: 129280,
    hidden_size: 7168,
    intermediate_size: 18432,
    moe_intermediate_size: 2048,
    num_hidden_layers: 61,
    num_attention_heads: 128,
    n_shared_experts: 1,
    num_experts: 256,
    num_experts_per_tok: 8,
    first_k_dense_replace: 3,
    kv_lora_rank: 512,
    q_lora_rank: 1536,
    qk_rope_head_dim: 64,
    v_head_dim: 128,
    qk_nope_head_dim: 128,
  },
  experts: deepseekExperts,
};

export const sparse: Families = {
  mixtral: {
    source: 'MixtralConfig',
    defaults: {
      vocab_size: 32000,
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      num_experts_per_tok: 2,
      num_experts: 8,
    },
    layerType: windowEverywhere,
    experts: plainExperts,
  },
  phimoe: {
    source: 'PhimoeConfig',
    defaults: {
      vocab_size: 32064,
      hidden_size: 4096,
      intermediate_size: 6400,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      num_experts_per_tok: 2,
      num_experts: 16,
    },
    layerType: windowEverywhere,
    experts: plainExperts,
  },
  olmoe: {
    source: 'OlmoeConfig',
    defaults: {
      vocab_size: 50304,
      hidden_size: 2048,
      intermediate_size: 2048,
      num_hidden_layers: 16,
      num_attention_heads: 16,
      num_experts_per_tok: 8,
      num_experts: 64,
    },
    experts: plainExperts,
  },
  gpt_oss: {
    source: 'GptOssConfig',
    defaults: {
      vocab_size: 201088,
      hidden_size: 2880,
      intermediate_size: 2880,
      num_hidden_layers: 36,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      head_dim: 64,
      sliding_window: 128,
      num_experts_per_tok: 4,
      num_experts: 128,
    },
    layerType: (_, layer) => everyNth(2)({}, layer),
    experts: plainExperts,
  },
  qwen2_moe: {
    source: 'Qwen2MoeConfig',
    defaults: {
      vocab_size: 151936,
      hidden_size: 2048,
      intermediate_size: 5632,
      num_hidden_layers: 24,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      moe_intermediate_size: 1408,
      shared_expert_intermediate_size: 5632,
      num_experts_per_tok: 4,
      num_experts: 60,
      sliding_window: 4096,
      max_window_layers: 28,
    },
    layerType: ({ use_sliding_window, max_window_layers }, layer) =>
      use_sliding_window === true && layer < Number(max_window_layers)
        ? everyNth(2)({}, layer)
        : 'full_attention',
    experts: qwenSharedExperts,
  },
  qwen3_moe: {
    source: 'Qwen3MoeConfig',
    defaults: {
      vocab_size: 151936,
      hidden_size: 2048,
      intermediate_size: 6144,
      num_hidden_layers: 24,
      num_attention_heads: 32,
      num_key_value_heads: 4,
      moe_intermediate_size: 768,
      num_experts_per_tok: 8,
      num_experts: 128,
      sliding_window: 4096,
    },
    layerType: qwenWindows,
    experts: qwenExperts,
  },
  qwen3_vl_moe: qwen3VlMoe,
  qwen3_vl_moe_text: qwen3VlMoe,
  qwen3_next: {
    source: 'Qwen3NextConfig',
    defaults: {
      ...deltaRuleDefaults,
      vocab_size: 151936,
      hidden_size: 2048,
      intermediate_size: 5632,
      num_hidden_layers: 48,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      head_dim: 256,
      moe_intermediate_size: 512,
      shared_expert_intermediate_size: 512,
      num_experts_per_tok: 10,
      num_experts: 512,
    },
    layerType: hybridType,
    outputGate: true,
    experts: qwenSharedExperts,
  },
  qwen3_5_moe: qwen35Moe,
  qwen3_5_moe_text: qwen35Moe,
  glm4_moe: {
    source: 'Glm4MoeConfig',
    defaults: {
      vocab_size: 151552,
      hidden_size: 4096,
      intermediate_size: 10944,
      num_hidden_layers: 46,
      num_attention_heads: 96,
      num_key_value_heads: 8,
      moe_intermediate_size: 1408,
      num_experts_per_tok: 8,
      n_shared_experts: 1,
      num_experts: 128,
      first_k_dense_replace: 1,
    },
    experts: deepseekExperts,
  },
  deepseek_v2: {
    source: 'DeepseekV2Config',
    defaults: {
      vocab_size: 102400,
      hidden_size: 4096,
      intermediate_size: 11008,
      moe_intermediate_size: 1407,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      n_shared_experts: 2,
      num_experts: 64,
      first_k_dense_replace: 0,
      kv_lora_rank: 512,
      q_lora_rank: 1536,
      qk_rope_head_dim: 64,
      v_head_dim: 128,
      qk_nope_head_dim: 128,
    },
    experts: deepseekExperts,
  },
  deepseek_v3: deepseekV3,
  kimi_k2: deepseekV3,
  minicpm3: {
    source: 'MiniCPM3Config',
    defaults: {
      vocab_size: 73448,
      hidden_size: 2560,
      intermediate_size: 6400,
      num_hidden_layers: 62,
      num_attention_heads: 40,
      kv_lora_rank: 256,
      q_lora_rank: 768,
      qk_nope_head_dim: 64,
      qk_rope_head_dim: 32,
      tie_word_embeddings: true,
    },
  },
};
