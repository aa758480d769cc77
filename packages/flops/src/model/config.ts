/** Models by a Hugging Face `config.json`. */
import { decoderConfig } from '@transprune/core';
import { type Fields, fieldsOf, sizeOf } from './fields.js';
import type { Model } from './model.js';
import { visionFamilies, visionReading } from './vision-config.js';

/**
 * What LLaMA's configuration class in `transformers` stands in with: the files of LLaVA and SmolVLM
 * leave out every size that equals it. Source: LlamaConfig.
 */
const llamaSizes: Fields = {
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  vocab_size: 32000,
};

/** Image tokens that a language model is fed for the sake of comparison: those of LLaVA-1.5. */
const comparisonTokens = 576;

/**
 * A model's sizes from its `config.json`, parsed.
 *
 * The vision encoder is read for LLaVA, LLaVA-Next, SmolVLM (Idefics3) and Qwen2.5-VL; for any other
 * family or encoder `vision` is null and `notes` says so.
 *
 * @throws TransPruneError INVALID_MODEL that names the field that is missing or not a number
 */
export function modelFromConfig(json: unknown, name = 'config.json', source = name): Model {
  const outer = fieldsOf(json, 'config.json');
  const decoder = decoderConfig(withTextDefaults(outer));
  const vision = visionReading(outer, decoder.hiddenSize);
  const declared = outer.image_seq_length === undefined ? null : sizeOf(outer, 'image_seq_length');
  const assumed = declared
    ? { tokens: declared, words: 'as its image_seq_length says' }
    : {
        tokens: comparisonTokens,
        words: `${comparisonTokens} image tokens, as many as LLaVA-1.5 makes`,
      };
  return {
    name,
    source,
    decoder,
    vision: vision?.encoder ?? null,
    imageTokens: vision?.imageTokens ?? assumed.tokens,
    imageAssumption: vision?.imageAssumption ?? assumed.words,
    notes: vision === null && outer.vision_config !== undefined ? [uncounted(outer)] : [],
  };
}

function uncounted(outer: Fields): string {
  const family = JSON.stringify(outer.model_type);
  const { model_type: encoder } = fieldsOf(outer.vision_config, 'vision_config');
  return visionFamilies.includes(String(outer.model_type))
    ? `the vision encoder is not counted: ${JSON.stringify(encoder)} is not one that model_type ${family} is known with`
    : `the vision encoder is not counted: model_type ${family} is none of ${visionFamilies.join(', ')}`;
}

function withTextDefaults(outer: Fields): Fields {
  if (outer.text_config === undefined) return outer;
  const text = fieldsOf(outer.text_config, 'text_config');
  return text.model_type === 'llama'
    ? { ...outer, text_config: { ...llamaSizes, ...text } }
    : outer;
}
