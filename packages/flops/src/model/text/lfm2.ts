/** LFM2: short convolutions, and attention every few layers. */
import type { Fields } from '../fields.js';
import type { Families } from './family.js';

/**
 * `block_ff_dim` stands for `intermediate_size`. Unless `block_auto_adjust_ff_dim` is false, two thirds
 * of it are taken, times a factor, rounded up to a multiple. Source: Lfm2Config, Lfm2MLP.
 */
function adjusted(fields: Fields): Fields {
  const given = Number(fields.block_ff_dim ?? fields.intermediate_size);
  const { block_auto_adjust_ff_dim, block_ffn_dim_multiplier, block_multiple_of } = fields;
  if (block_auto_adjust_ff_dim === false) return { ...fields, intermediate_size: given };
  const gated = Math.floor((2 * given) / 3);
  if (block_ffn_dim_multiplier === null) return { ...fields, intermediate_size: gated };
  const multiple = Number(block_multiple_of);
  const scaled = Math.floor(Number(block_ffn_dim_multiplier) * gated);
  return { ...fields, intermediate_size: multiple * Math.ceil(scaled / multiple) };
}

function lfm2Type({ full_attn_idxs }: Fields, layer: number): string {
  return !Array.isArray(full_attn_idxs) || full_attn_idxs.includes(layer)
    ? 'full_attention'
    : 'conv';
}

const shared: Fields = {
  vocab_size: 65536,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  conv_L_cache: 3,
  tie_word_embeddings: true,
};

export const lfm2: Families = {
  lfm2: {
    source: 'Lfm2Config',
    defaults: {
      ...shared,
      hidden_size: 2560,
      intermediate_size: 12288,
      block_multiple_of: 256,
      block_ffn_dim_multiplier: 1,
    },
    derive: adjusted,
    layerType: lfm2Type,
  },
  lfm2_moe: {
    source: 'Lfm2MoeConfig',
    defaults: {
      ...shared,
      hidden_size: 2048,
      intermediate_size: 7168,
      moe_intermediate_size: 1792,
      num_dense_layers: 2,
      num_experts_per_tok: 4,
      num_experts: 32,
    },
    layerType: lfm2Type,
    experts: {
      width: 'moe_intermediate_size',
      sparse: ({ num_dense_layers }, layer) => layer >= Number(num_dense_layers),
    },
  },
};
