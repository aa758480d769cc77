import { expect, test } from 'vitest';
import { TransPruneError } from '../errors.js';
import { decoderConfig } from './config.js';

const llama = {
  hidden_size: 64,
  intermediate_size: 172,
  num_hidden_layers: 14,
  num_attention_heads: 4,
  vocab_size: 128,
};

test('fields that are left out take their defaults', () => {
  expect(decoderConfig(llama)).toEqual({
    layers: 14,
    hiddenSize: 64,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    intermediateSize: 172,
    vocabularySize: 128,
    rmsNormEpsilon: 1e-6,
    ropeTheta: 10000,
    maxPositions: 2048,
    tiedEmbeddings: false,
  });
});

test("a vision-language model's decoder is its text_config", () => {
  const config = decoderConfig({
    model_type: 'llava',
    text_config: { ...llama, num_key_value_heads: 2, rope_parameters: { rope_theta: 5e5 } },
  });
  expect(config).toMatchObject({ kvHeads: 2, ropeTheta: 5e5 });
});

test.each([
  [null, /JSON object, got null/],
  [[], /got an array/],
  [{ ...llama, hidden_size: undefined }, /hidden_size.*got nothing/],
  [{ ...llama, vocab_size: 'many' }, /vocab_size.*got "many"/],
])('%j is refused', (json, message) => {
  expect(() => decoderConfig(json)).toThrow(message);
  expect(() => decoderConfig(json)).toThrow(TransPruneError);
});
