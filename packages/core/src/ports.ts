/**
 * The ports of a decoder graph: what its inputs and outputs are called. Exporters agree on those of a decoder
 * (Hugging Face Optimum, ONNX Runtime GenAI, transformers.js); those of pruning are this project's own.
 */

/** Inputs and outputs of every decoder, besides its caches. */
export const ports = {
  /** float `[batch, tokens, hidden]` */
  embeddings: 'inputs_embeds',
  /** int64 `[batch, past + tokens]`, 0 at padding. */
  attentionMask: 'attention_mask',
  /** int64 `[batch, tokens]`, or `[3, batch, tokens]` for M-RoPE; absent where the graph counts itself. */
  positionIds: 'position_ids',
  /** float `[batch, tokens or fewer, vocabulary]` */
  logits: 'logits',
  /** How many of the last tokens get logits, under both names that exporters give it. */
  logitsToKeep: ['num_logits_to_keep', 'logits_to_keep'],
  /** bool `[1]`, in merged decoders: whether there is a cache. */
  useCacheBranch: 'use_cache_branch',
} as const;

/**
 * int64 `[batch, tokens]`: 0 at text, another number at image tokens; all 0 while decoding. Where a plan
 * keeps a share of each image, the numbers 1, 2, 3 ... tell the images apart.
 */
export const imageMaskInput = 'image_mask';

/**
 * int64 `[batch, tokens]`, not 0 at the tokens whose attention is asked; where a row has none, the tokens
 * after its last image token are.
 */
export const instructionMaskInput = 'instruction_mask';

/** float32 `[stages]`: what each stage keeps of the image tokens at the start; all ones: everything. */
export const keepRatiosInput = 'keep_ratios';

/** int64 `[batch, past]`, 1 at what a stage's cache holds and 0 at padding; empty at the start. */
export const pastMaskInput = (stage: number) => `past_pruning.mask.${stage}`;

/** int64 `[batch, past + kept]`: the mask that goes with a stage's present cache. */
export const maskOutput = (stage: number) => `pruning.mask.${stage}`;

/**
 * int64 `[1]`: tokens that the caches after a stage hold before the call, where caches may have room for more; 0 at
 * the start.
 */
export const pastLengthInput = (stage: number) => `past_pruning.length.${stage}`;

/** int64 `[1]`: the same after the call. */
export const lengthOutput = (stage: number) => `pruning.length.${stage}`;

/**
 * Survivors of a stage as positions in the input sequence, ascending: int64 `[kept]`, or `[batch, kept]`
 * with -1 at padding.
 */
export const keptOutput = (stage: number) => `pruning.kept.${stage}`;

/** float32 `[batch, tokens before the stage]`: the score, 0 at text tokens. */
export const scoreOutput = (stage: number) => `pruning.score.${stage}`;

/**
 * What a cache holds of a layer.
 * - `key`, `value`: attention's, `[batch, kv_heads, tokens, head_dim]`
 * - `conv`, `recurrent`: the state of a convolution or of a linear recurrence, of fixed size
 */
export type CacheKind = 'key' | 'value' | 'conv' | 'recurrent';

/** One cache of one layer, among the graph's inputs and outputs. */
export interface CachePort {
  /** Counted from 0, as the names do. */
  readonly layer: number;
  readonly kind: CacheKind;
  readonly past: string;
  readonly present: string;
}

/** Caches by their inputs' names: transformers.js' and Optimum's, then those of ONNX Runtime GenAI. */
const cacheNames: readonly [past: RegExp, present: (layer: string, kind: string) => string][] = [
  [/^past_key_values\.(\d+)\.(key|value)$/, (layer, kind) => `present.${layer}.${kind}`],
  [/^past_(conv|recurrent)\.(\d+)$/, (kind, layer) => `present_${kind}.${layer}`],
  [
    /^past_key_values\.(\d+)\.((?:conv|recurrent)_state)$/,
    (layer, kind) => `present.${layer}.${kind}`,
  ],
];

/** The cache that an input carries; undefined for any other input. */
export function cachePort(past: string): CachePort | undefined {
  for (const [pattern, presentOf] of cacheNames) {
    const [, first = '', second = ''] = pattern.exec(past) ?? [];
    if (first === '') continue;
    const [layer, kind] = /^\d/.test(first) ? [first, second] : [second, first];
    return {
      layer: Number(layer),
      kind: kind.replace('_state', '') as CacheKind,
      past,
      present: presentOf(first, second),
    };
  }
  return undefined;
}

/** The inputs of attention's cache of a layer, counted from 0. */
export const pastCache = (layer: number, kind: 'key' | 'value') =>
  `past_key_values.${layer}.${kind}`;

/** The outputs of attention's cache of a layer, counted from 0. */
export const presentCache = (layer: number, kind: 'key' | 'value') => `present.${layer}.${kind}`;

/**
 * The symbol of a length after a prune. Runtimes take equal symbols for equal sizes, so that what is after a
 * prune has its own; it also tells which caches a stage's mask goes with.
 */
export const lengthAfter = (symbol: string, afterLayer: number) =>
  `${symbol}_after_layer_${afterLayer}`;

/** The layer that a length's prune follows; undefined for lengths before every prune. */
export function afterLayerOf(symbol: number | string | undefined): number | undefined {
  const [, layer] = /_after_layer_(\d+)$/.exec(String(symbol)) ?? [];
  return layer === undefined ? undefined : Number(layer);
}
