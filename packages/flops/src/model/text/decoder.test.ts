import { describe, expect, it } from 'vitest';
import type { Mixer } from '../../layers/index.js';
import { modelFromConfig } from '../config.js';
import { attentionLayers } from '../decoder.js';

const layersOf = (json: unknown) => modelFromConfig(json).decoder.layers;
const mixersOf = (json: unknown) => layersOf(json).map(({ mixer }) => mixer);
const windows = (json: unknown) =>
  mixersOf(json).map((mixer) => (mixer.kind === 'attention' ? mixer.window : mixer.kind));
const numbers = (mixers: readonly Mixer[], wanted: (mixer: Mixer) => boolean) =>
  mixers.flatMap((mixer, at) => (wanted(mixer) ? [at + 1] : []));

describe('files that leave sizes to their class', () => {
  it('gemma-3-4b: 8 heads, 4 key heads, of 256; a window of 1024 but in every sixth layer', () => {
    const model = modelFromConfig({
      model_type: 'gemma3',
      mm_tokens_per_image: 256,
      text_config: {
        model_type: 'gemma3_text',
        hidden_size: 2560,
        intermediate_size: 10240,
        num_hidden_layers: 34,
        sliding_window: 1024,
      },
      vision_config: {
        model_type: 'siglip_vision_model',
        hidden_size: 1152,
        image_size: 896,
        intermediate_size: 4304,
        num_hidden_layers: 27,
        patch_size: 14,
      },
    });
    const mixers = model.decoder.layers.map(({ mixer }) => mixer);
    expect(mixers[0]).toMatchObject({ heads: 8, kvHeads: 4, headDim: 256, window: 1024 });
    expect(numbers(mixers, (mixer) => mixer.kind === 'attention' && mixer.window === null)).toEqual(
      [6, 12, 18, 24, 30],
    );
    expect(model.decoder.vocabularySize).toBe(262208);
    expect(model.imageTokens).toBe(256);
    expect(model.vision).toMatchObject({ layout: { patches: 4096, tokens: 256 }, layers: 27 });
    expect(model.notes).toEqual([]);
  });

  it('LLaVA-NeXT of Mistral: 4096 wide, 32 heads in groups of 4, no window', () => {
    const { decoder, imageTokens, notes } = modelFromConfig({
      model_type: 'llava_next',
      text_config: {
        model_type: 'mistral',
        intermediate_size: 14336,
        num_key_value_heads: 8,
        sliding_window: null,
        vocab_size: 32064,
      },
      vision_config: {
        model_type: 'clip_vision_model',
        hidden_size: 1024,
        image_size: 336,
        intermediate_size: 4096,
        num_hidden_layers: 24,
        patch_size: 14,
      },
    });
    expect(decoder.hiddenSize).toBe(4096);
    expect(decoder.layers).toHaveLength(32);
    expect(decoder.layers[31]?.mixer).toMatchObject({
      heads: 32,
      kvHeads: 8,
      headDim: 128,
      window: null,
    });
    expect(imageTokens).toBe(2880);
    expect(notes).toEqual([]);
  });

  it('a field that is null is not left out: as many key heads as heads, heads that share the width', () => {
    const [mixer] = mixersOf({ model_type: 'mistral', num_key_value_heads: null, head_dim: null });
    expect(mixer).toMatchObject({ heads: 32, kvHeads: 32, headDim: 128 });
  });
});

describe('windows', () => {
  it.each([
    ['mistral', { model_type: 'mistral', num_hidden_layers: 2 }, [4096, 4096]],
    ['gemma2', { model_type: 'gemma2', num_hidden_layers: 4 }, [4096, null, 4096, null]],
    ['gpt_oss', { model_type: 'gpt_oss', num_hidden_layers: 2 }, [128, null]],
    ['cohere2', { model_type: 'cohere2', num_hidden_layers: 5 }, [4096, 4096, 4096, null, 4096]],
    ['olmo3', { model_type: 'olmo3', num_hidden_layers: 4 }, [4096, 4096, 4096, null]],
    ['exaone4', { model_type: 'exaone4', num_hidden_layers: 4 }, [4096, 4096, 4096, null]],
    [
      'exaone4 without',
      { model_type: 'exaone4', num_hidden_layers: 2, sliding_window: null },
      [null, null],
    ],
    ['qwen2', { model_type: 'qwen2', num_hidden_layers: 2 }, [null, null]],
    [
      'qwen2 with',
      { model_type: 'qwen2', num_hidden_layers: 2, use_sliding_window: true, max_window_layers: 1 },
      [null, 4096],
    ],
    [
      'smollm3 with',
      {
        model_type: 'smollm3',
        num_hidden_layers: 5,
        use_sliding_window: true,
        sliding_window: 512,
      },
      [null, null, null, 512, null],
    ],
    ['phi3', { model_type: 'phi3', num_hidden_layers: 1, sliding_window: 2047 }, [2047]],
    [
      'named layers',
      {
        model_type: 'qwen3',
        num_hidden_layers: 2,
        layer_types: ['sliding_attention', 'full_attention'],
      },
      [4096, null],
    ],
  ])('%s', (_, json, expected) => {
    expect(windows(json)).toEqual(expected);
  });
});

describe('hybrids', () => {
  it('Qwen3.5: every fourth layer attends, or every full_attention_interval-th', () => {
    const attends = (json: unknown) => attentionLayers(modelFromConfig(json).decoder);
    expect(attends({ model_type: 'qwen3_5_text', num_hidden_layers: 8 })).toEqual([4, 8]);
    const sparser = { full_attention_interval: 3, num_hidden_layers: 6 };
    expect(attends({ model_type: 'qwen3_5_text', ...sparser })).toEqual([3, 6]);
    const [delta, , , attention] = mixersOf({ model_type: 'qwen3_5_text' });
    expect(delta).toMatchObject({ kind: 'delta-rule', keyHeads: 16, valueHeads: 32, kernel: 4 });
    expect(attention).toMatchObject({ outputGate: true, headDim: 256, kvHeads: 4 });
  });

  it('LFM2: attention at full_attn_idxs; two thirds of the FFN, rounded up, unless told otherwise', () => {
    const lfm2 = { model_type: 'lfm2', num_hidden_layers: 3, full_attn_idxs: [1] };
    expect(windows(lfm2)).toEqual(['convolution', null, 'convolution']);
    const width = (more: object) => layersOf({ ...lfm2, ...more })[0]?.ffn;
    expect(width({ block_ff_dim: 6656 })).toMatchObject({ width: 4608 });
    expect(width({ block_ff_dim: 6656, block_auto_adjust_ff_dim: false })).toMatchObject({
      width: 6656,
    });
    expect(width({ intermediate_size: 100, block_multiple_of: 10 })).toMatchObject({ width: 70 });
  });

  it('LFM2-MoE: dense first', () => {
    const kinds = layersOf({ model_type: 'lfm2_moe', num_hidden_layers: 3 }).map((l) => l.ffn.kind);
    expect(kinds).toEqual(['mlp', 'mlp', 'experts']);
  });
});

describe('Gemma', () => {
  /** The sizes of gemma-4-E2B. */
  const e2b = {
    model_type: 'gemma4_text',
    hidden_size: 1536,
    intermediate_size: 6144,
    num_hidden_layers: 35,
    num_attention_heads: 8,
    num_key_value_heads: 1,
    head_dim: 256,
    global_head_dim: 512,
    num_kv_shared_layers: 20,
    use_double_wide_mlp: true,
    layer_types: Array.from({ length: 35 }, (_, i) =>
      (i + 1) % 5 === 0 ? 'full_attention' : 'sliding_attention',
    ),
  };

  it('4 E2B has 15 caches for 35 layers, two head sizes, wider FFNs where keys are borrowed', () => {
    const layers = layersOf(e2b);
    const mixers = layers.map(({ mixer }) => mixer);
    const own = numbers(mixers, (mixer) => mixer.kind === 'attention' && mixer.lender === null);
    expect(own).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(mixers[3]).toMatchObject({ headDim: 256, window: 512 });
    expect(mixers[4]).toMatchObject({ headDim: 512, window: null });
    expect(mixers[33]).toMatchObject({ lender: 14, window: 512 });
    expect(mixers[34]).toMatchObject({ lender: 15, window: null });
    expect(layers[14]?.ffn).toMatchObject({ width: 6144 });
    expect(layers[15]?.ffn).toMatchObject({ width: 12288 });
    expect(attentionLayers(modelFromConfig(e2b).decoder)).toEqual(
      Array.from({ length: 14 }, (_, i) => i + 1),
    );
  });

  it('4 has experts beside a dense MLP, and full attention whose values are its keys', () => {
    const layers = layersOf({
      model_type: 'gemma4_text',
      hidden_size: 2816,
      intermediate_size: 2112,
      num_attention_heads: 16,
      num_key_value_heads: 8,
      num_global_key_value_heads: 2,
      attention_k_eq_v: true,
      enable_moe_block: true,
      num_experts: 128,
      top_k_experts: 8,
      moe_intermediate_size: 704,
      hidden_size_per_layer_input: null,
    });
    expect(layers[0]).toMatchObject({
      mixer: { kvHeads: 8, headDim: 256, keysAreValues: false },
      ffn: { kind: 'experts', experts: 128, perToken: 8, width: 704, sharedWidth: 2112 },
      beside: [],
    });
    expect(layers[5]?.mixer).toMatchObject({ kvHeads: 2, headDim: 512, keysAreValues: true });
  });

  it('4 ends on full attention, and takes sizes of single layers where a file has them', () => {
    const mixers = mixersOf({
      model_type: 'gemma4_text',
      num_hidden_layers: 2,
      layer_types: ['sliding_attention', 'sliding_attention'],
      per_layer_config: { 1: { head_dim: 128, num_key_value_heads: 2 } },
    });
    expect(mixers[0]).toMatchObject({ headDim: 256, kvHeads: 4, window: 512 });
    expect(mixers[1]).toMatchObject({ headDim: 128, kvHeads: 2, window: null });
  });

  it('3n: the last 15 layers borrow; four streams, low-rank ways around, per-layer inputs', () => {
    const { decoder } = modelFromConfig({ model_type: 'gemma3n_text' });
    const lenders = decoder.layers.map(({ mixer }) => mixer.kind === 'attention' && mixer.lender);
    expect(lenders.slice(18)).toEqual([null, null, 19, 19, 19, 19, 20, ...lenders.slice(25)]);
    expect(decoder.entry.map(({ outputs }) => outputs)).toEqual([35 * 256, 2048, 2048, 2048]);
    expect(decoder.exit).toHaveLength(3);
    expect(decoder.layers[0]?.beside).toContainEqual({ inputs: 2048, outputs: 64 });
  });

  it('3n: an FFN width for each layer', () => {
    const widths = layersOf({
      model_type: 'gemma3n_text',
      num_hidden_layers: 2,
      num_kv_shared_layers: 0,
      intermediate_size: [100, 200],
    }).map(({ ffn }) => ffn);
    expect(widths).toMatchObject([{ width: 100 }, { width: 200 }]);
  });
});

describe('mixtures and latent attention', () => {
  it('Qwen3-MoE: every decoder_sparse_step-th layer, but none of mlp_only_layers', () => {
    const kinds = layersOf({
      model_type: 'qwen3_moe',
      num_hidden_layers: 6,
      decoder_sparse_step: 2,
      mlp_only_layers: [3],
    }).map(({ ffn }) => ffn.kind);
    expect(kinds).toEqual(['mlp', 'experts', 'mlp', 'mlp', 'mlp', 'experts']);
  });

  it('Qwen3.5-MoE: a shared expert with a gate, beside the delta rule', () => {
    expect(layersOf({ model_type: 'qwen3_5_moe_text' })[0]).toMatchObject({
      mixer: { kind: 'delta-rule' },
      ffn: { experts: 256, perToken: 8, width: 512, sharedWidth: 512, sharedGate: true },
    });
  });

  it('a list of FFN types goes before the rule of the class', () => {
    const kinds = layersOf({
      model_type: 'deepseek_v3',
      num_hidden_layers: 2,
      mlp_layer_types: ['sparse', 'dense'],
    }).map(({ ffn }) => ffn.kind);
    expect(kinds).toEqual(['experts', 'mlp']);
  });

  it('DeepSeek-V3: 576 numbers a token, three dense layers first', () => {
    const layers = layersOf({ model_type: 'deepseek_v3' });
    expect(layers[0]?.mixer).toMatchObject({ latentRank: 512, rotaryDim: 64, queryRank: 1536 });
    expect(layers.slice(0, 4).map(({ ffn }) => ffn.kind)).toEqual(['mlp', 'mlp', 'mlp', 'experts']);
    expect(layers[3]?.ffn).toMatchObject({ perToken: 8, width: 2048, sharedWidth: 2048 });
  });

  it('MiniCPM3: values as long as a head would be', () => {
    expect(mixersOf({ model_type: 'minicpm3' })[0]).toMatchObject({
      kind: 'latent-attention',
      latentRank: 256,
      plainDim: 64,
      rotaryDim: 32,
      valueDim: 64,
    });
  });

  it('Falcon: one key head, a plain MLP four times as wide', () => {
    expect(layersOf({ model_type: 'falcon' })[0]).toMatchObject({
      mixer: { heads: 71, kvHeads: 1, headDim: 64 },
      ffn: { width: 18176, matrices: 2 },
    });
    const newer = { new_decoder_architecture: true, num_kv_heads: 8, hidden_size: 8192 };
    const [mixer] = mixersOf({ model_type: 'falcon', num_attention_heads: 128, ...newer });
    expect(mixer).toMatchObject({ kvHeads: 8, headDim: 64 });
  });
});
