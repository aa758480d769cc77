import { describe, expect, it } from 'vitest';
import { ffnKind, mixerKind } from '../../layers/index.js';
import { linearCost } from '../../layers/kind.js';
import { modelFromConfig } from '../config.js';
import type { DecoderDescription } from '../decoder.js';
import type { Fields } from '../fields.js';

/** Weights of all matrices: embeddings, lm head, and every expert. */
function matrices({ hiddenSize: d, layers, ...decoder }: DecoderDescription): number {
  const words = decoder.vocabularySize * d * (decoder.tiedEmbeddings ? 1 : 2);
  return layers.reduce((sum, { mixer, ffn, beside }) => {
    const ffns =
      ffn.kind === 'experts'
        ? d * (ffn.experts + (ffn.sharedGate ? 1 : 0)) +
          3 * d * (ffn.experts * ffn.width + ffn.sharedWidth)
        : ffnKind(ffn).weights(ffn, d);
    return sum + mixerKind(mixer).weights(mixer, d) + linearCost(beside) + ffns;
  }, words);
}

/** Norms of a layer, each as long as the hidden size, and of `more` numbers; and the one at the end. */
const vectors = (layers: number, d: number, norms: number, more = 0) =>
  layers * (norms * d + more) + d;

const lfm2 = { num_hidden_layers: 16, full_attn_idxs: [2, 5, 8, 10, 12, 14] };

/**
 * Public checkpoints: the fields of `config.json` that differ from the class's defaults, the number of
 * weights that its page on huggingface.co states, and how many of them are in vectors.
 */
const checkpoints: readonly [name: string, weights: number, vectors: number, config: Fields][] = [
  ['Mistral-7B-v0.1', 7_241_732_096, vectors(32, 4096, 2), { model_type: 'mistral' }],
  ['Phi-3.5-mini', 3_821_079_552, vectors(32, 3072, 2), { model_type: 'phi3' }],
  ['SmolLM3-3B', 3_075_098_624, vectors(36, 2048, 2), { model_type: 'smollm3' }],
  [
    'phi-2',
    2_779_683_840,
    // One norm with a bias a layer and at the end, biases of all matrices and of the lm head.
    vectors(32, 2560, 2 + 4, 10240 + 2560) + 2560 + 51200,
    { model_type: 'phi', hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 32 },
  ],
  ['OLMo-2-7B', 7_298_617_344, vectors(32, 4096, 4), { model_type: 'olmo2', vocab_size: 100352 }],
  [
    'EXAONE-4.0-1.2B',
    1_279_391_488,
    vectors(30, 2048, 2, 128),
    {
      model_type: 'exaone4',
      hidden_size: 2048,
      intermediate_size: 4096,
      num_hidden_layers: 30,
      num_key_value_heads: 8,
      head_dim: 64,
      tie_word_embeddings: true,
      sliding_window: null,
    },
  ],
  [
    'c4ai-command-r7b',
    8_028_033_024,
    vectors(32, 4096, 1),
    {
      model_type: 'cohere2',
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
    },
  ],
  [
    'granite-3.3-2b',
    2_533_539_840,
    vectors(40, 2048, 2),
    {
      model_type: 'granite',
      vocab_size: 49159,
      hidden_size: 2048,
      intermediate_size: 8192,
      num_hidden_layers: 40,
      num_key_value_heads: 8,
      tie_word_embeddings: true,
    },
  ],
  ['GLM-4-9B-0414', 9_400_279_040, vectors(40, 4096, 4, 4096 + 2 * 256), { model_type: 'glm4' }],
  [
    'starcoder2-3b',
    3_030_371_328,
    // Norms have biases, as all matrices do.
    vectors(30, 3072, 2 * 2 + 3, 2 * 256 + 12288) + 3072,
    { model_type: 'starcoder2' },
  ],
  ['gemma-2-2b', 2_614_341_888, vectors(26, 2304, 4), { model_type: 'gemma2' }],
  [
    // Its 4,300,079,472 without SigLIP and the projector.
    'gemma-3-4b, text',
    4_300_079_472 - 416_866_032 - 2_950_272,
    vectors(34, 2560, 4, 512),
    {
      model_type: 'gemma3_text',
      hidden_size: 2560,
      intermediate_size: 10240,
      num_hidden_layers: 34,
    },
  ],
  [
    // Its 2,127,532,032 without the encoder and its four mergers.
    'Qwen3-VL-2B, text',
    2_127_532_032 - 406_957_056,
    vectors(28, 2048, 2, 256),
    {
      model_type: 'qwen3_vl_text',
      hidden_size: 2048,
      intermediate_size: 6144,
      num_hidden_layers: 28,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      tie_word_embeddings: true,
    },
  ],
  [
    // Its 873,438,784 without the encoder, its merger, and the layer that predicts a second token.
    'Qwen3.5-0.8B, text',
    873_438_784 - 100_592_896 - 20_452_864,
    // Filters, step, decay and norm of 18 layers; norms of 6 layers' heads.
    vectors(24, 1024, 2) + 18 * (6144 * 4 + 16 + 16 + 128) + 6 * 512,
    {
      model_type: 'qwen3_5_text',
      hidden_size: 1024,
      intermediate_size: 3584,
      num_hidden_layers: 24,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      linear_num_value_heads: 16,
      tie_word_embeddings: true,
    },
  ],
  [
    'LFM2-1.2B',
    1_170_340_608,
    // Filters of 10 layers, norms of 6 layers' heads.
    vectors(16, 2048, 2) + 10 * 3 * 2048 + 6 * 128,
    { model_type: 'lfm2', hidden_size: 2048, block_ff_dim: 12288, ...lfm2 },
  ],
  [
    'LFM2-350M',
    354_483_968,
    vectors(16, 1024, 2) + 10 * 3 * 1024 + 6 * 128,
    {
      model_type: 'lfm2',
      hidden_size: 1024,
      block_ff_dim: 6656,
      num_attention_heads: 16,
      ...lfm2,
    },
  ],
  ['Mixtral-8x7B', 46_702_792_704, vectors(32, 4096, 2), { model_type: 'mixtral' }],
  [
    'OLMoE-1B-7B',
    6_919_161_856,
    vectors(16, 2048, 4),
    { model_type: 'olmoe', intermediate_size: 1024 },
  ],
  [
    'gpt-oss-20b',
    20_914_757_184,
    // Sinks, biases of q, k, v, o, of the router and of all experts.
    vectors(24, 2880, 2, 64 + 4096 + 1024 + 2880 + 32 + 32 * (2 * 2880 + 2880)),
    { model_type: 'gpt_oss', num_hidden_layers: 24, num_local_experts: 32 },
  ],
  ['Qwen1.5-MoE-A2.7B', 14_315_784_192, vectors(24, 2048, 2 + 3), { model_type: 'qwen2_moe' }],
  [
    'Qwen3-30B-A3B',
    30_532_122_624,
    vectors(48, 2048, 2, 256),
    { model_type: 'qwen3_moe', num_hidden_layers: 48, head_dim: 128 },
  ],
  [
    'DeepSeek-V2-Lite',
    15_706_484_224,
    vectors(27, 2048, 2, 512),
    {
      model_type: 'deepseek_v2',
      hidden_size: 2048,
      intermediate_size: 10944,
      num_hidden_layers: 27,
      num_attention_heads: 16,
      moe_intermediate_size: 1408,
      q_lora_rank: null,
      first_k_dense_replace: 1,
      num_experts_per_tok: 6,
    },
  ],
  [
    'DeepSeek-V3, without the layer that predicts a second token',
    671_026_419_200,
    // 58 layers correct the router's scores.
    vectors(61, 7168, 2, 512 + 1536) + 58 * 256,
    { model_type: 'deepseek_v3' },
  ],
];

describe('class defaults', () => {
  it.each(checkpoints)('%s has the %i weights of its checkpoint', (_, weights, inVectors, json) => {
    const { decoder, notes } = modelFromConfig(json);
    expect(matrices(decoder) + inVectors).toBe(weights);
    expect(notes).toEqual([]);
  });
});
