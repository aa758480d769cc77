/** Models that cannot be counted here, told apart by their `config.json`. */
import { TransPruneError } from '@transprune/core';
import { type Fields, numberIn } from '../fields.js';

/** Decoders that read the picture by cross-attention, as the family's class in `transformers` has it. */
const crossAttention: readonly string[] = ['mllama', 'mllama_text_model', 'idefics'];

/** Fields of state-space layers (Mamba), which hybrids such as Falcon-H1 and Granite 4 have. */
const stateSpace = /^(mamba_(d_|n_|expand|chunk|num_heads)|ssm_|lru_width|hybrid_override_pattern)/;

/**
 * Refuses models without image tokens in the decoder, and decoders with layers that are not known.
 *
 * @param text the decoder's own fields
 * @throws TransPruneError UNSUPPORTED_MODEL that says in one sentence what the model is
 */
export function refuseUnsupported(outer: Fields, text: Fields): void {
  const family = `model_type ${JSON.stringify(outer.model_type ?? text.model_type)}`;
  if (outer.is_encoder_decoder === true || text.is_encoder_decoder === true || isFlorence(outer)) {
    refuse(
      `${family} is an encoder-decoder: it reads the picture in its encoder, so its decoder has no image tokens that could be pruned`,
      outer,
    );
  }
  const types = [outer.model_type, text.model_type].map(String);
  if (
    types.some((type) => crossAttention.includes(type)) ||
    Array.isArray(text.cross_attention_layers) ||
    text.add_cross_attention === true
  ) {
    refuse(
      `${family} reads the picture by cross-attention, so its decoder has no image tokens that could be pruned`,
      outer,
    );
  }
  const field = Object.keys(text).find((name) => stateSpace.test(name));
  if (field) {
    refuse(`${family} has state-space layers (${field}), which are not known here`, outer);
  }
  if (numberIn(text, 'index_topk') !== null) {
    refuse(
      `${family} has sparse attention that picks keys by an index (index_topk), which is not known here`,
      outer,
    );
  }
}

/** Florence-2's files name it by themselves, or leave the class to say so. */
function isFlorence({ model_type }: Fields): boolean {
  return typeof model_type === 'string' && /^florence/.test(model_type);
}

function refuse(message: string, { model_type }: Fields): never {
  throw new TransPruneError('UNSUPPORTED_MODEL', message, { modelType: model_type });
}
