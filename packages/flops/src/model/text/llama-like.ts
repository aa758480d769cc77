/**
 * Families whose layers are LLaMA's, whatever their norms, positions and order of modules: post-norms
 * (OLMo 2 and 3, EXAONE 4) and attention beside the FFN (Cohere, Phi, Falcon) cost the same matrices.
 */
import type { Fields } from '../fields.js';
import { everyNth, type Families, type TextFamily, windowEverywhere } from './family.js';

const llamaDefaults: Fields = {
  vocab_size: 32000,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
};

const mistralDefaults: Fields = {
  ...llamaDefaults,
  intermediate_size: 14336,
  num_key_value_heads: 8,
  sliding_window: 4096,
};

const olmoDefaults: Fields = { ...llamaDefaults, vocab_size: 50304 };

const cohereDefaults: Fields = {
  vocab_size: 256000,
  hidden_size: 8192,
  intermediate_size: 22528,
  num_hidden_layers: 40,
  num_attention_heads: 64,
  tie_word_embeddings: true,
};

const phi3: TextFamily = {
  source: 'Phi3Config',
  defaults: {
    vocab_size: 32064,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 32,
    num_attention_heads: 32,
  },
  layerType: windowEverywhere,
};

const glmDefaults: Fields = {
  vocab_size: 151552,
  hidden_size: 4096,
  intermediate_size: 13696,
  num_hidden_layers: 40,
  num_attention_heads: 32,
  num_key_value_heads: 2,
};

const ernieDefaults: Fields = {
  vocab_size: 103424,
  hidden_size: 1024,
  intermediate_size: 3072,
  num_hidden_layers: 18,
  num_attention_heads: 16,
  num_key_value_heads: 2,
  head_dim: 128,
  tie_word_embeddings: true,
};

/** SmolLM3: layers without rotary embedding have the window, if there is one. */
function smolLm3Type(fields: Fields, layer: number): string {
  const { use_sliding_window, sliding_window, no_rope_layers } = fields;
  const rotary = Array.isArray(no_rope_layers)
    ? Number(no_rope_layers[layer]) !== 0
    : (layer + 1) % Number(fields.no_rope_layer_interval ?? 4) !== 0;
  const windowed = use_sliding_window === true && typeof sliding_window === 'number' && !rotary;
  return windowed ? 'sliding_attention' : 'full_attention';
}

/** Falcon has names of its own; one key head, unless it is of the newer architecture. */
function falconFields(fields: Fields): Fields {
  const { num_kv_heads, new_decoder_architecture, multi_query, ffn_hidden_size } = fields;
  const oneHead = multi_query !== false && new_decoder_architecture !== true;
  return {
    ...fields,
    num_key_value_heads: oneHead ? 1 : num_kv_heads,
    intermediate_size: ffn_hidden_size ?? 4 * Number(fields.hidden_size),
  };
}

export const llamaLike: Families = {
  llama: { source: 'LlamaConfig', defaults: llamaDefaults },
  mistral: {
    source: 'MistralConfig',
    defaults: mistralDefaults,
    layerType: windowEverywhere,
  },
  ministral: {
    source: 'MinistralConfig',
    defaults: mistralDefaults,
    layerType: windowEverywhere,
  },
  ministral3: {
    source: 'Ministral3Config',
    defaults: {
      ...mistralDefaults,
      vocab_size: 131072,
      num_hidden_layers: 34,
      head_dim: 128,
      sliding_window: null,
    },
    layerType: windowEverywhere,
  },
  phi3,
  phi3_v: phi3,
  phi: {
    source: 'PhiConfig',
    defaults: {
      vocab_size: 51200,
      hidden_size: 2048,
      intermediate_size: 8192,
      num_hidden_layers: 24,
      num_attention_heads: 32,
    },
    mlpMatrices: 2,
  },
  smollm3: {
    source: 'SmolLM3Config',
    defaults: {
      vocab_size: 128256,
      hidden_size: 2048,
      intermediate_size: 11008,
      num_hidden_layers: 36,
      num_attention_heads: 16,
      num_key_value_heads: 4,
      tie_word_embeddings: true,
    },
    layerType: smolLm3Type,
  },
  olmo: { source: 'OlmoConfig', defaults: olmoDefaults },
  olmo2: { source: 'Olmo2Config', defaults: olmoDefaults },
  olmo3: {
    source: 'Olmo3Config',
    defaults: { ...olmoDefaults, sliding_window: 4096 },
    layerType: (_, layer) => everyNth(4)({}, layer),
  },
  exaone4: {
    source: 'Exaone4Config',
    defaults: {
      ...llamaDefaults,
      vocab_size: 102400,
      intermediate_size: 16384,
      num_key_value_heads: 32,
      sliding_window: 4096,
    },
    layerType: (fields, layer) =>
      fields.sliding_window === null ? 'full_attention' : everyNth(4)(fields, layer),
  },
  cohere: { source: 'CohereConfig', defaults: cohereDefaults },
  cohere2: {
    source: 'Cohere2Config',
    defaults: { ...cohereDefaults, sliding_window: 4096 },
    layerType: everyNth(4),
  },
  granite: { source: 'GraniteConfig', defaults: llamaDefaults },
  glm: { source: 'GlmConfig', defaults: { ...glmDefaults, head_dim: 128 } },
  glm4: { source: 'Glm4Config', defaults: { ...glmDefaults, head_dim: 128 } },
  glm4v_text: { source: 'Glm4vTextConfig', defaults: glmDefaults },
  glm_ocr_text: {
    source: 'GlmOcrTextConfig',
    defaults: {
      vocab_size: 59392,
      hidden_size: 1024,
      intermediate_size: 4096,
      num_hidden_layers: 16,
      num_attention_heads: 16,
      num_key_value_heads: 8,
    },
  },
  ernie4_5: { source: 'Ernie4_5Config', defaults: ernieDefaults },
  paddleocr_vl_text: { source: 'PaddleOCRTextConfig', defaults: ernieDefaults },
  falcon: {
    source: 'FalconConfig',
    defaults: {
      vocab_size: 65024,
      hidden_size: 4544,
      num_hidden_layers: 32,
      num_attention_heads: 71,
      tie_word_embeddings: true,
    },
    derive: falconFields,
    mlpMatrices: 2,
  },
  gpt_neox: {
    source: 'GPTNeoXConfig',
    defaults: {
      vocab_size: 50432,
      hidden_size: 6144,
      intermediate_size: 24576,
      num_hidden_layers: 44,
      num_attention_heads: 64,
    },
    mlpMatrices: 2,
  },
  stablelm: {
    source: 'StableLmConfig',
    defaults: {
      vocab_size: 50304,
      hidden_size: 2560,
      intermediate_size: 6912,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 32,
    },
  },
  starcoder2: {
    source: 'Starcoder2Config',
    defaults: {
      vocab_size: 49152,
      hidden_size: 3072,
      intermediate_size: 12288,
      num_hidden_layers: 30,
      num_attention_heads: 24,
      num_key_value_heads: 2,
      tie_word_embeddings: true,
    },
    layerType: windowEverywhere,
    mlpMatrices: 2,
  },
};
