import { TransPruneError } from '../errors.js';

/** Sizes of a LLaMA-style decoder. */
export interface DecoderConfig {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly rmsNormEpsilon: number;
  readonly ropeTheta: number;
  readonly maxPositions: number;
  readonly tiedEmbeddings: boolean;
}

/** What LLaMA's own configuration leaves unsaid. */
const defaults = { rmsNormEpsilon: 1e-6, ropeTheta: 10000, maxPositions: 2048 };

/**
 * Reads the decoder's sizes from a Hugging Face `config.json`, of a language model or of a
 * vision-language model (its `text_config`).
 *
 * @throws TransPruneError INVALID_MODEL that names the field that is missing or not a number
 */
export function decoderConfig(json: unknown): DecoderConfig {
  const outer = asRecord(json, 'config.json');
  const fields = 'text_config' in outer ? asRecord(outer.text_config, 'text_config') : outer;
  const required = (name: string) => positive(name, fields[name]);
  const optional = (name: string, fallback: number) =>
    fields[name] === undefined || fields[name] === null ? fallback : positive(name, fields[name]);
  const hiddenSize = required('hidden_size');
  const heads = required('num_attention_heads');
  const rope = fields.rope_parameters ?? fields.rope_scaling;
  const ropeFields = typeof rope === 'object' && rope !== null ? asRecord(rope, 'rope') : {};
  return {
    layers: required('num_hidden_layers'),
    hiddenSize,
    heads,
    kvHeads: optional('num_key_value_heads', heads),
    headDim: optional('head_dim', hiddenSize / heads),
    intermediateSize: required('intermediate_size'),
    vocabularySize: required('vocab_size'),
    rmsNormEpsilon: optional('rms_norm_eps', defaults.rmsNormEpsilon),
    ropeTheta: positive(
      'rope_theta',
      fields.rope_theta ?? ropeFields.rope_theta ?? defaults.ropeTheta,
    ),
    maxPositions: optional('max_position_embeddings', defaults.maxPositions),
    tiedEmbeddings: (fields.tie_word_embeddings ?? outer.tie_word_embeddings) === true,
  };
}

function asRecord(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} to be a JSON object, got ${kind(value)}`,
    );
  }
  return value as Record<string, unknown>;
}

function positive(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected ${name} in config.json to be a number above 0, got ${JSON.stringify(value) ?? 'nothing'}`,
      { field: name },
    );
  }
  return value;
}

function kind(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}
