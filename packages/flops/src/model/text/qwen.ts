/** Qwen 2 to 3.5: dense, and hybrids of the gated delta rule; their mixtures are in `sparse.ts`. */
import type { Fields } from '../fields.js';
import { type Families, qwenWindows, type TextFamily } from './family.js';

const qwen2: TextFamily = {
  source: 'Qwen2Config',
  defaults: {
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    sliding_window: 4096,
    max_window_layers: 28,
  },
  layerType: qwenWindows,
};

/** Qwen2-VL and Qwen2.5-VL have the sizes of their largest model. */
function largeVl(source: string): TextFamily {
  return {
    source,
    defaults: {
      vocab_size: 152064,
      hidden_size: 8192,
      intermediate_size: 29568,
      num_hidden_layers: 80,
      num_attention_heads: 64,
      num_key_value_heads: 8,
      sliding_window: 4096,
      max_window_layers: 80,
    },
    layerType: qwenWindows,
  };
}

const qwen3Vl: TextFamily = {
  source: 'Qwen3VLTextConfig',
  defaults: {
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 22016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    head_dim: 128,
  },
};

/** Every fourth layer attends, or every `full_attention_interval`-th; the others keep a state. */
export function hybridType({ full_attention_interval }: Fields, layer: number): string {
  const interval = typeof full_attention_interval === 'number' ? full_attention_interval : 4;
  return (layer + 1) % interval === 0 ? 'full_attention' : 'linear_attention';
}

/** The gated delta rule's sizes in Qwen3-Next and Qwen3.5. */
export const deltaRuleDefaults: Fields = {
  linear_conv_kernel_dim: 4,
  linear_key_head_dim: 128,
  linear_value_head_dim: 128,
  linear_num_key_heads: 16,
  linear_num_value_heads: 32,
};

const qwen35: TextFamily = {
  source: 'Qwen3_5TextConfig',
  defaults: {
    ...deltaRuleDefaults,
    vocab_size: 248320,
    hidden_size: 4096,
    intermediate_size: 12288,
    num_hidden_layers: 32,
    num_attention_heads: 16,
    num_key_value_heads: 4,
    head_dim: 256,
  },
  layerType: hybridType,
  outputGate: true,
};

const qwen2Vl = largeVl('Qwen2VLTextConfig');
const qwen25Vl = largeVl('Qwen2_5_VLTextConfig');

export const qwen: Families = {
  qwen2,
  llava_qwen2: qwen2,
  qwen2_vl: qwen2Vl,
  qwen2_vl_text: qwen2Vl,
  qwen2_5_vl: qwen25Vl,
  qwen2_5_vl_text: qwen25Vl,
  qwen3: {
    ...qwen2,
    source: 'Qwen3Config',
    defaults: { ...qwen2.defaults, head_dim: 128 },
  },
  qwen3_vl: qwen3Vl,
  qwen3_vl_text: qwen3Vl,
  qwen3_5: qwen35,
  qwen3_5_text: qwen35,
};
