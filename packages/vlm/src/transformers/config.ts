import { TransPruneError } from '@transprune/core';
import type { CacheSizes } from '@transprune/session';

/** The fields of `config.json` that are read here. */
export interface VlmConfig {
  readonly model_type: string;
  readonly is_encoder_decoder?: boolean;
  readonly image_token_index?: number;
  readonly image_token_id?: number;
  readonly eos_token_id?: EndTokens;
  readonly text_config?: TextConfig;
  readonly vision_config?: { readonly patch_size?: number };
  /** Patches of a side that become one token (Mistral 3). */
  readonly spatial_merge_size?: number;
}

/** One end token, or several. */
export type EndTokens = number | readonly number[] | null;

interface TextConfig {
  readonly num_attention_heads?: number;
  readonly num_key_value_heads?: number;
  readonly hidden_size?: number;
  readonly head_dim?: number;
  readonly max_position_embeddings?: number;
  readonly eos_token_id?: EndTokens;
}

/**
 * Id of the token that stands for a piece of an image in the prompt.
 *
 * @throws TransPruneError INVALID_MODEL if the config names none
 */
export function imageTokenId(config: VlmConfig): number {
  const id = config.image_token_index ?? config.image_token_id;
  if (id === undefined) {
    throw new TransPruneError(
      'INVALID_MODEL',
      'expected config.json to name the image token as image_token_id or image_token_index, found neither; pass imageTokenId',
      { field: 'image_token_id' },
    );
  }
  return id;
}

/** Sizes of attention's caches, which some exports leave open. */
export function cacheSizes(config: VlmConfig): CacheSizes {
  const text = textConfig(config);
  const { num_attention_heads: heads, hidden_size: hidden } = text;
  return {
    kvHeads: text.num_key_value_heads ?? heads,
    headDim: text.head_dim ?? (hidden !== undefined && heads ? hidden / heads : undefined),
  };
}

/** Tokens that the model has positions for; undefined if the config doesn't say. */
export function maxTokens(config: VlmConfig): number | undefined {
  return textConfig(config).max_position_embeddings;
}

/** The decoder's part of a config, which may be all of it. */
function textConfig(config: VlmConfig): TextConfig {
  return config.text_config ?? (config as TextConfig);
}

/** Tokens that end an answer: whatever the configurations and the tokenizer name, for each may lack some. */
export function endTokens(...named: readonly (EndTokens | undefined)[]): ReadonlySet<number> {
  return new Set(named.flatMap((ids) => ids ?? []));
}
