import { TransPruneError } from '@transprune/core';
import type { ValueInfo } from '@transprune/session';

/** The fields of `config.json` that the pipeline reads itself. */
export interface VlmConfig {
  readonly model_type: string;
  readonly is_encoder_decoder?: boolean;
  readonly image_token_index?: number;
  readonly image_token_id?: number;
  readonly text_config?: TextConfig;
  readonly vision_config?: { readonly patch_size?: number };
}

interface TextConfig {
  readonly num_attention_heads?: number;
  readonly num_key_value_heads?: number;
  readonly hidden_size?: number;
  readonly head_dim?: number;
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

/**
 * Decoder inputs with sizes for the caches' heads. transformers.js makes the first, empty caches
 * from them and takes every symbol but the batch for 0, which some exports would not survive: they
 * leave the number of heads or their size symbolic.
 *
 * @param inputs caches are `past_key_values.*` of shape `[batch, kv_heads, past, head_dim]`
 */
export function withCacheSizes(inputs: readonly ValueInfo[], config: VlmConfig): ValueInfo[] {
  const text: TextConfig = config.text_config ?? (config as TextConfig);
  const heads = text.num_key_value_heads ?? text.num_attention_heads;
  const headSize =
    text.head_dim ??
    (text.hidden_size !== undefined && text.num_attention_heads !== undefined
      ? text.hidden_size / text.num_attention_heads
      : undefined);
  return inputs.map((input) => {
    const [batch, inputHeads, past, inputHeadSize] = input.shape;
    if (!isCacheInput(input.name) || input.shape.length !== 4) return input;
    if (batch === undefined || past === undefined) return input;
    return {
      ...input,
      shape: [
        typeof batch === 'number' ? batch : 'batch_size',
        (typeof inputHeads === 'number' ? inputHeads : heads) ?? 0,
        past,
        (typeof inputHeadSize === 'number' ? inputHeadSize : headSize) ?? 0,
      ],
    };
  });
}

/** True for inputs that carry a layer's cache of earlier tokens. */
function isCacheInput(name: string): boolean {
  return name.startsWith('past_key_values.');
}

/** True for outputs that carry a layer's cache to the next step. */
export function isCacheOutput(name: string): boolean {
  return name.startsWith('present');
}
