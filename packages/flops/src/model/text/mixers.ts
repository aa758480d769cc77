/** Mixers by the decoder's fields: which kind each layer has, and its sizes. */
import { TransPruneError } from '@transprune/core';
import type { Attention } from '../../layers/attention.js';
import type { DeltaRule } from '../../layers/delta-rule.js';
import type { Mixer } from '../../layers/index.js';
import type { LatentAttention } from '../../layers/latent-attention.js';
import { type Fields, fieldsOf, numberIn } from '../fields.js';
import type { TextFamily } from './family.js';

/** A decoder's fields with the defaults of its class, and how its sizes are read. */
export interface TextContext {
  readonly fields: Fields;
  readonly family: TextFamily | null;
  /** @throws TransPruneError INVALID_MODEL if the field is no whole number above 0 */
  size(name: string, from?: Fields): number;
}

/** The type of each layer, in the words of `layer_types`. */
export function layerTypes({ fields, family }: TextContext, layers: number): string[] {
  const { layer_types } = fields;
  if (Array.isArray(layer_types)) {
    if (layer_types.length === layers) return layer_types.map(String);
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected layer_types in config.json to name ${layers} layers, as num_hidden_layers says, got ${layer_types.length}`,
      { field: 'layer_types', got: layer_types.length },
    );
  }
  return Array.from(
    { length: layers },
    (_, layer) => family?.layerType?.(fields, layer) ?? 'full_attention',
  );
}

/**
 * The mixer of a layer.
 *
 * @param types of all layers
 * @param layer from 0
 * @throws TransPruneError UNSUPPORTED_MODEL for a type of layer that is not known
 */
export function mixerOf(context: TextContext, types: readonly string[], layer: number): Mixer {
  const type = types[layer] ?? '';
  switch (type) {
    case 'full_attention':
    case 'attention':
    case 'global_attention':
      return numberIn(context.fields, 'kv_lora_rank') === null
        ? attentionOf(context, types, layer, null)
        : latentOf(context);
    case 'sliding_attention':
      return attentionOf(context, types, layer, context.size('sliding_window'));
    case 'conv': {
      const kernel = context.size('conv_L_cache');
      const channels = context.size('hidden_size');
      return { kind: 'convolution', kernel, channels, stateColumns: kernel };
    }
    case 'linear_attention':
      return deltaRuleOf(context);
    default:
      throw new TransPruneError(
        'UNSUPPORTED_MODEL',
        `layer ${layer + 1} is a ${JSON.stringify(type)} layer, which is not known here; known are full_attention, sliding_attention, conv and linear_attention`,
        { field: 'layer_types', got: type },
      );
  }
}

function attentionOf(
  context: TextContext,
  types: readonly string[],
  layer: number,
  window: number | null,
): Attention {
  const { fields, family } = context;
  const global = window === null;
  const sizes: Fields = { ...fields, ...overrides(fields, layer, global) };
  const heads = context.size('num_attention_heads');
  const plain = Math.floor(context.size('hidden_size') / heads);
  return {
    kind: 'attention',
    heads,
    kvHeads:
      numberIn(sizes, 'num_key_value_heads') === null
        ? heads
        : context.size('num_key_value_heads', sizes),
    headDim: numberIn(sizes, 'head_dim') === null ? plain : context.size('head_dim', sizes),
    window,
    lender: family?.borrowsKeys ? lenderOf(fields, types, layer) : null,
    keysAreValues: global && fields.attention_k_eq_v === true,
    outputGate: family?.outputGate === true && fields.attn_output_gate !== false,
  };
}

/** Sizes that this layer has for itself: `per_layer_config`, or those of Gemma 4's full attention. */
function overrides(fields: Fields, layer: number, global: boolean): Fields {
  const { per_layer_config, full_attention_overrides } = fields;
  if (per_layer_config !== undefined && per_layer_config !== null) {
    const own = fieldsOf(per_layer_config, 'per_layer_config')[layer];
    return own === undefined ? {} : fieldsOf(own, `per_layer_config.${layer}`);
  }
  return global && full_attention_overrides !== undefined
    ? fieldsOf(full_attention_overrides, 'full_attention_overrides')
    : {};
}

/** First layer (from 0) that borrows keys and values; the number of layers if none does. */
export function firstBorrower(fields: Fields, layers: number): number {
  const first = layers - (numberIn(fields, 'num_kv_shared_layers') ?? 0);
  return first > 0 ? first : layers;
}

/** The layer (from 1) whose keys a borrower attends to: the last of its type before all borrowers. */
function lenderOf(fields: Fields, types: readonly string[], layer: number): number | null {
  const first = firstBorrower(fields, types.length);
  if (layer < first) return null;
  const lender = types.slice(0, first).lastIndexOf(types[layer] ?? '');
  return lender === -1 ? null : lender + 1;
}

function latentOf(context: TextContext): LatentAttention {
  const { fields, size } = context;
  const heads = size('num_attention_heads');
  return {
    kind: 'latent-attention',
    heads,
    queryRank: numberIn(fields, 'q_lora_rank') === null ? null : size('q_lora_rank'),
    latentRank: size('kv_lora_rank'),
    plainDim: size('qk_nope_head_dim'),
    rotaryDim: size('qk_rope_head_dim'),
    // MiniCPM3Config: left out, values are as long as a head would be.
    valueDim:
      numberIn(fields, 'v_head_dim') === null
        ? Math.floor(size('hidden_size') / heads)
        : size('v_head_dim'),
  };
}

function deltaRuleOf({ size }: TextContext): DeltaRule {
  return {
    kind: 'delta-rule',
    keyHeads: size('linear_num_key_heads'),
    valueHeads: size('linear_num_value_heads'),
    keyDim: size('linear_key_head_dim'),
    valueDim: size('linear_value_head_dim'),
    kernel: size('linear_conv_kernel_dim'),
  };
}
