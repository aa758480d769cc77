/** All families of decoders, and which one a `config.json` means. */
import { TransPruneError } from '@transprune/core';
import { type Fields, fieldsOf } from '../fields.js';
import type { Families, TextFamily } from './family.js';
import { gemma } from './gemma.js';
import { lfm2 } from './lfm2.js';
import { llamaLike } from './llama-like.js';
import { qwen } from './qwen.js';
import { sparse } from './sparse.js';

const families: Families = { ...llamaLike, ...qwen, ...gemma, ...lfm2, ...sparse };

/** `model_type` of every decoder whose class is known. */
export const textModelTypes = Object.keys(families) as readonly string[];

/**
 * What the `text_config` of a vision-language model is if it does not say so: each class's default.
 * These models have their decoder in `text_config` alone.
 */
const decoderOf: Readonly<Record<string, string>> = {
  llava: 'llama',
  llava_next: 'llama',
  vipllava: 'llama',
  llava_onevision: 'qwen2',
  fast_vlm: 'qwen2',
  internvl: 'qwen2',
  got_ocr2: 'qwen2',
  idefics2: 'mistral',
  idefics3: 'llama',
  smolvlm: 'llama',
  mistral3: 'mistral',
  lighton_ocr: 'qwen3',
  paligemma: 'gemma',
  gemma3: 'gemma3_text',
  gemma3n: 'gemma3n_text',
  gemma4: 'gemma4_text',
  qwen3_vl: 'qwen3_vl_text',
  qwen3_vl_moe: 'qwen3_vl_moe_text',
  qwen3_5: 'qwen3_5_text',
  qwen3_5_moe: 'qwen3_5_moe_text',
  lfm2_vl: 'lfm2',
  'lfm2-vl': 'lfm2',
  aya_vision: 'cohere2',
  cohere2_vision: 'cohere2',
  glm4v: 'glm4v_text',
  glm_ocr: 'glm_ocr_text',
};

/** These have it in `text_config`, or in the file itself. */
const decoderInside: Readonly<Record<string, string>> = {
  qwen2_vl: 'qwen2_vl_text',
  qwen2_5_vl: 'qwen2_5_vl_text',
  paddleocr_vl: 'paddleocr_vl_text',
};

/** Names of the decoder's part of a file: of `transformers`, InternVL's own and Janus. */
const partNames = ['text_config', 'llm_config', 'language_config'] as const;

/** Names that some families have for the same field. */
const otherNames: Readonly<Record<string, string>> = {
  num_local_experts: 'num_experts',
  n_routed_experts: 'num_experts',
  top_k_experts: 'num_experts_per_tok',
  n_embed: 'hidden_size',
  n_embd: 'hidden_size',
  n_head: 'num_attention_heads',
  n_layer: 'num_hidden_layers',
  layers_block_type: 'layer_types',
};

/** The decoder's part of a file, and its family. */
export interface TextFields {
  /** As the file has them, under the names that this package knows. */
  readonly given: Fields;
  readonly modelType: unknown;
  /** null if its class is not known: nothing stands in for what the file leaves out. */
  readonly family: TextFamily | null;
}

/**
 * Finds the decoder's fields.
 *
 * @throws TransPruneError INVALID_MODEL if they are no object, or are left to a class's defaults whole
 */
export function textFields(outer: Fields): TextFields {
  const name = partNames.find((part) => part in outer);
  const outerType = String(outer.model_type);
  const implied = decoderOf[outerType] ?? decoderInside[outerType];
  if (!name && implied && outer.hidden_size === undefined) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected text_config in config.json to be a JSON object, got nothing, nor a hidden_size beside it; the file leaves the whole decoder to the defaults of its class, of model_type "${outerType}"`,
      { field: 'text_config' },
    );
  }
  const part = name ? fieldsOf(outer[name], name) : outer;
  const modelType = name ? (part.model_type ?? implied) : (implied ?? part.model_type);
  const given = Object.fromEntries(
    Object.entries(part).map(([field, value]) => [otherNames[field] ?? field, value]),
  );
  return { given, modelType, family: families[String(modelType)] ?? null };
}
