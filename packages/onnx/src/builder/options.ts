/** What the builder can be asked for, and what follows from it. */
import { type DecoderConfig, TransPruneError } from '@transprune/core';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { int4BlockSize } from './int4.js';

/** Takes weights out of the model, one tensor after the other. */
export interface WeightFile {
  /** How the model names the file. */
  readonly location: string;
  /** Appends bytes to the file. */
  append(bytes: Uint8Array): void;
}

/** Where a decoder differs from LLaMA; left out, it does not. */
export interface Architecture {
  /** A bias after the query, key and value projections (Qwen2). */
  readonly biases?: boolean;
  /** A norm over each head of query and key, before they are rotated (Qwen3, Gemma 3). */
  readonly queryKeyNorm?: boolean;
  /** A second norm, on each module's output before it is added; norms have Gemma's names (Gemma 2). */
  readonly moduleNorms?: boolean;
  /** Attention logits become `softcap * tanh(logits / softcap)` (Gemma 2). */
  readonly softcap?: number;
  /** The same for the decoder's logits (Gemma 2). */
  readonly logitSoftcap?: number;
  /** Tokens that local attention sees, the token itself among them. */
  readonly localWindow?: number;
  /** Layers whose attention is local: all, or every other one from the first. */
  readonly localLayers?: 'all' | 'alternate';
  /** Embeddings are multiplied by this first (Gemma). */
  readonly embeddingScale?: number;
  /**
   * FFNs of many experts as one operator, `MoE` or, with weights of 4 bits, `QMoE`; each token passes `perToken` of
   * them (gpt-oss, Qwen3-MoE).
   */
  readonly experts?: { readonly count: number; readonly perToken: number };
}

/** Layout of the graph; what is not said is as ONNX Runtime GenAI writes LLaMA. */
export interface BuildOptions {
  /** One matrix for query, key and value, or three. */
  readonly projections?: 'packed' | 'split';
  /** The attention node. `multi-head` wants as many key heads as query heads, and an explicit mask. */
  readonly attention?: 'group-query' | 'multi-head';
  /**
   * Rotary embedding inside the attention node, or as nodes of its own that read `position_ids`.
   * Left out: `fused` for `group-query`, `separate` for `multi-head`.
   */
  readonly rotary?: 'fused' | 'separate';
  /** Residual add and the norm after it as one node, or as two. */
  readonly norms?: 'fused' | 'separate';
  /**
   * Norms of queries and keys (`queryKeyNorm`) inside the attention node, which ONNX Runtime has kernels for on GPUs
   * alone, or as nodes before it.
   */
  readonly headNorms?: 'fused' | 'separate';
  /**
   * Type of weights, caches and residual stream. `int4` has weights of 4 bits in blocks of 32
   * (MatMulNBits) and the rest in float32, `int4-float16` the rest in float16. Embeddings and logits
   * are float32 in each.
   */
  readonly precision?: 'float32' | 'float16' | 'int4' | 'int4-float16';
  readonly architecture?: Architecture;
  /**
   * An `If` on the input `use_cache_branch`, with the whole decoder in each branch: with a past, and
   * without (Optimum's merged decoders).
   */
  readonly mergedBranches?: boolean;
  /** An input `num_logits_to_keep`: logits of that many last tokens, of all if it is 0. */
  readonly numLogitsToKeep?: boolean;
  /** How many states `past_conv.*` go through to `present_conv.*` as they are. */
  readonly extraCaches?: number;
  /** Where weights go; left out, they are inside the model. */
  readonly weightFile?: WeightFile;
}

/** Options with nothing left open. */
export type Layout = Required<Omit<BuildOptions, 'precision' | 'weightFile'>> & {
  /** Element type of caches, the residual stream, and weights other than int4. */
  readonly floatType: TensorProto_DataType;
  readonly int4: boolean;
};

/**
 * Completes and checks options.
 *
 * @throws TransPruneError INVALID_ARGUMENT if the options contradict each other or the sizes
 */
export function resolveLayout(config: DecoderConfig, options: BuildOptions): Layout {
  const { attention = 'group-query', architecture = {}, precision = 'float32' } = options;
  const layout: Layout = {
    projections: options.projections ?? 'packed',
    attention,
    rotary: options.rotary ?? (attention === 'multi-head' ? 'separate' : 'fused'),
    norms: options.norms ?? 'fused',
    headNorms: options.headNorms ?? 'separate',
    architecture,
    mergedBranches: options.mergedBranches ?? false,
    numLogitsToKeep: options.numLogitsToKeep ?? false,
    extraCaches: options.extraCaches ?? 0,
    floatType: precision.endsWith('float16')
      ? TensorProto_DataType.FLOAT16
      : TensorProto_DataType.FLOAT,
    int4: precision.startsWith('int4'),
  };
  if (attention === 'multi-head') checkMultiHead(config, layout);
  else checkGroupQuery(config, layout);
  checkArchitecture(architecture);
  checkExperts(config, layout);
  return layout;
}

function demand(holds: boolean, where: string, expected: string, found: string): void {
  if (holds) return;
  throw new TransPruneError('INVALID_ARGUMENT', `${where}: expected ${expected}, got ${found}`);
}

/** What ONNX Runtime's GroupQueryAttention refuses at run time. */
function checkGroupQuery(
  { heads, kvHeads, headDim }: DecoderConfig,
  { rotary, headNorms }: Layout,
): void {
  const where = 'attention group-query';
  const unit = rotary === 'fused' ? 16 : 8;
  const expected = `head_dim to be a multiple of ${unit} with ${rotary} rotary embedding`;
  demand(headDim % unit === 0, where, expected, `${headDim}`);
  const isInOrder = headNorms === 'separate' || rotary === 'fused';
  demand(isInOrder, where, 'rotary embedding inside the node, where norms are', rotary);
  const found = `${kvHeads} for ${heads}`;
  demand(heads % kvHeads === 0, where, 'query heads in groups of equal size', found);
}

/** What MultiHeadAttention has no input or attribute for, and group-query has. */
function checkMultiHead(
  { heads, kvHeads }: DecoderConfig,
  { rotary, headNorms, architecture }: Layout,
): void {
  const where = 'attention multi-head';
  const { softcap, localWindow } = architecture;
  const found = `${kvHeads} for ${heads}`;
  demand(heads === kvHeads, where, 'as many key heads as query heads', found);
  demand(rotary === 'separate', where, 'separate rotary embedding', rotary);
  demand(headNorms === 'separate', where, 'separate norms of heads', headNorms);
  demand(softcap === undefined, where, 'no soft cap', `softcap = ${softcap}`);
  demand(localWindow === undefined, where, 'no local window', `localWindow = ${localWindow}`);
}

function checkArchitecture({ softcap = 1, localWindow, localLayers }: Architecture): void {
  demand(softcap > 0, 'softcap', 'a number above 0', `${softcap}`);
  const window = localWindow ?? 1;
  const whole = Number.isInteger(window) && window > 0;
  demand(whole, 'localWindow', 'a whole number above 0', `${window}`);
  const alone = localLayers !== undefined && localWindow === undefined;
  demand(!alone, 'localLayers', 'localWindow beside it', 'none');
}

/** What `QMoE` has no blocks for. */
function checkExperts({ hiddenSize, intermediateSize }: DecoderConfig, layout: Layout): void {
  const { experts } = layout.architecture;
  if (!experts) return;
  const { count, perToken } = experts;
  const found = `${perToken} of ${count}`;
  demand(perToken > 0 && perToken <= count, 'experts', 'at least one for each token', found);
  const fits = [hiddenSize, intermediateSize].every((size) => size % int4BlockSize === 0);
  const expected = `sizes in blocks of ${int4BlockSize} for experts of 4 bits`;
  demand(fits || !layout.int4, 'experts', expected, `${hiddenSize} and ${intermediateSize}`);
}
