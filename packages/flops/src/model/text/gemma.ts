/** Gemma 1 to 4: windows, borrowed keys, two head sizes, per-layer inputs. */
import type { Fields } from '../fields.js';
import { everyNth, type Families, type TextFamily } from './family.js';

const gemma2Defaults: Fields = {
  vocab_size: 256000,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  tie_word_embeddings: true,
  sliding_window: 4096,
};

const gemma3: TextFamily = {
  source: 'Gemma3TextConfig',
  defaults: { ...gemma2Defaults, vocab_size: 262208 },
  layerType: everyNth(6),
};

const gemma3n: TextFamily = {
  source: 'Gemma3nTextConfig',
  defaults: {
    vocab_size: 262400,
    hidden_size: 2048,
    intermediate_size: 16384,
    num_hidden_layers: 35,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 256,
    tie_word_embeddings: true,
    sliding_window: 512,
    hidden_size_per_layer_input: 256,
    altup_num_inputs: 4,
    num_kv_shared_layers: 15,
    laurel_rank: 64,
  },
  layerType: (_, layer) => everyNth(5)({}, layer),
  borrowsKeys: true,
};

/** Layers with full attention have heads of `global_head_dim`; the last layer always is one. */
function gemma4Fields(fields: Fields): Fields {
  const { layer_types, global_head_dim, num_global_key_value_heads, attention_k_eq_v } = fields;
  const types = Array.isArray(layer_types) ? [...layer_types.slice(0, -1), 'full_attention'] : null;
  const keyHeads = attention_k_eq_v === true ? num_global_key_value_heads : undefined;
  return {
    ...fields,
    layer_types: types ?? layer_types,
    full_attention_overrides: {
      head_dim: global_head_dim,
      ...(typeof keyHeads === 'number' && { num_key_value_heads: keyHeads }),
    },
  };
}

const gemma4: TextFamily = {
  source: 'Gemma4TextConfig',
  defaults: {
    vocab_size: 262144,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 30,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    global_head_dim: 512,
    tie_word_embeddings: true,
    sliding_window: 512,
    hidden_size_per_layer_input: 256,
    num_kv_shared_layers: 0,
  },
  derive: gemma4Fields,
  layerType: ({ num_hidden_layers }, layer) =>
    layer + 1 === num_hidden_layers ? 'full_attention' : everyNth(6)({}, layer),
  borrowsKeys: true,
  // Experts stand beside the dense MLP, in every layer of a model with `enable_moe_block`.
  experts: {
    width: 'moe_intermediate_size',
    sparse: ({ enable_moe_block }) => enable_moe_block === true,
    sharedWidth: ({ intermediate_size }) => intermediate_size,
  },
};

/** Gemma 4 without an encoder: no per-layer inputs, no experts. */
const { experts: _, ...dense } = gemma4;
const gemma4Unified: TextFamily = {
  ...dense,
  source: 'Gemma4UnifiedTextConfig',
  defaults: { ...gemma4.defaults, sliding_window: 1024, hidden_size_per_layer_input: 0 },
};

export const gemma: Families = {
  gemma: {
    source: 'GemmaConfig',
    defaults: {
      vocab_size: 256000,
      hidden_size: 3072,
      intermediate_size: 24576,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 16,
      head_dim: 256,
      tie_word_embeddings: true,
    },
  },
  gemma2: {
    source: 'Gemma2Config',
    defaults: gemma2Defaults,
    layerType: (_, layer) => everyNth(2)({}, layer),
  },
  gemma3: gemma3,
  gemma3_text: gemma3,
  gemma3n: gemma3n,
  gemma3n_text: gemma3n,
  gemma4: gemma4,
  gemma4_text: gemma4,
  gemma4_unified: gemma4Unified,
  gemma4_unified_text: gemma4Unified,
};
