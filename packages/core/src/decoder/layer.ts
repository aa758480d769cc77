/** One layer of the reference decoder, LLaMA's, on float64 arrays; batch 1. */
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { type NDArray, ndarray, take } from '../algebra/ndarray.js';
import { seesKey } from '../signals/asking.js';
import {
  type AttentionShape,
  attentionLogits,
  blockedLogit,
  instructionAttention,
  mixValues,
  rotate,
  splitHeads,
} from '../signals/instruction-attention.js';
import type { ModulePass } from '../signals/transition.js';
import type { DecoderConfig } from './config.js';
import { rotaryTable } from './rotary.js';
import type { Checkpoint } from './safetensors.js';

/** Keys and values of one layer, `[batch, kv_heads, tokens, head_dim]`. */
export interface LayerCache {
  readonly key: NDArray;
  readonly value: NDArray;
}

/** A layer and what enters it. */
export interface LayerInput {
  readonly config: DecoderConfig;
  readonly weights: Checkpoint;
  /** 1-based. */
  readonly layer: number;
  /** `[1, tokens, hidden]` */
  readonly stream: NDArray;
  /** Where the tokens stand for the rotary embedding, `[tokens]`. */
  readonly positions: readonly number[];
  readonly past: LayerCache | undefined;
}

export interface LayerOutput {
  /** `[1, tokens, hidden]` */
  readonly stream: NDArray;
  /** The past and the new tokens. */
  readonly cache: LayerCache;
  /** Self-attention and FFN. */
  readonly modules: readonly ModulePass<NDArray>[];
}

export function runLayer(input: LayerInput): LayerOutput {
  const { config, stream, past } = input;
  const shape = attentionShape(config);
  const weight = layerWeights(input);
  const normed = rmsNorm(stream, weight('input_layernorm'), config.rmsNormEpsilon);
  const newValues = splitHeads(
    algebra,
    linear(normed, weight('self_attn.v_proj')),
    config.kvHeads,
    config.headDim,
  );
  const key = rotatedKeys(input, normed);
  const value = past ? algebra.concat([past.value, newValues], 2) : newValues;

  const logits = attentionLogits(algebra, rotatedQueries(input, normed), key, shape);
  const rows = input.positions.map((_, row) => row);
  const probabilities = algebra.softmax(algebra.add(logits, causalBias(input, rows)), -1);
  const mixed = mixValues(algebra, probabilities, value, shape);
  const merged = algebra.reshape(algebra.transpose(mixed, [0, 2, 1, 3]), [0, 0, -1]);
  const attention = linear(merged, weight('self_attn.o_proj'));
  const middle = algebra.add(stream, attention);

  const ffnInput = rmsNorm(middle, weight('post_attention_layernorm'), config.rmsNormEpsilon);
  const gate = linear(ffnInput, weight('mlp.gate_proj'));
  const activated = { shape: gate.shape, data: gate.data.map((x) => x / (1 + Math.exp(-x))) };
  const ffn = linear(
    algebra.multiply(activated, linear(ffnInput, weight('mlp.up_proj'))),
    weight('mlp.down_proj'),
  );
  return {
    stream: algebra.add(middle, ffn),
    cache: { key, value },
    modules: [
      { input: normed, output: attention },
      { input: ffnInput, output: ffn },
    ],
  };
}

/**
 * Instruction-guided attention with this layer's projections, over the stream that enters it. What is
 * in the cache takes its share of each softmax, but is not answered.
 *
 * @param rows the instruction, as indices among the tokens
 * @returns `[1, tokens]`
 */
export function attentionOfInstruction(input: LayerInput, rows: readonly number[]): NDArray {
  const { config, stream, positions } = input;
  const normed = rmsNorm(stream, layerWeights(input)('input_layernorm'), config.rmsNormEpsilon);
  const queries = take(rotatedQueries(input, normed), 2, rows);
  const attention = instructionAttention(algebra, {
    logits: attentionLogits(algebra, queries, rotatedKeys(input, normed), attentionShape(config)),
    bias: causalBias(input, rows),
  });
  const past = pastLength(input);
  return algebra.slice(attention, -1, past, past + positions.length);
}

/** Keys of the tokens that enter, without those of the cache: `[1, kv_heads, tokens, head_dim]`. */
export function keysOf(input: LayerInput): NDArray {
  const { config, stream } = input;
  const normed = rmsNorm(stream, layerWeights(input)('input_layernorm'), config.rmsNormEpsilon);
  return rotatedHeads(input, normed, 'self_attn.k_proj', config.kvHeads);
}

export function rmsNorm(x: NDArray, weight: NDArray, epsilon: number): NDArray {
  const power = algebra.mean(algebra.multiply(x, x), [-1], true);
  const size = { shape: power.shape, data: power.data.map((p) => Math.sqrt(p + epsilon)) };
  return algebra.multiply(algebra.divide(x, size), weight);
}

/** `x @ weight^T`, the weight as PyTorch stores it: `[out, in]`. */
export function linear(x: NDArray, weight: NDArray): NDArray {
  return algebra.matmul(x, algebra.transpose(weight, [1, 0]));
}

/** `[1, heads, tokens, head_dim]` */
function rotatedQueries(input: LayerInput, normed: NDArray): NDArray {
  return rotatedHeads(input, normed, 'self_attn.q_proj', input.config.heads);
}

/** Those of the cache, then the new ones: `[1, kv_heads, past + tokens, head_dim]`. */
function rotatedKeys(input: LayerInput, normed: NDArray): NDArray {
  const keys = rotatedHeads(input, normed, 'self_attn.k_proj', input.config.kvHeads);
  return input.past ? algebra.concat([input.past.key, keys], 2) : keys;
}

function rotatedHeads(
  input: LayerInput,
  normed: NDArray,
  projection: string,
  heads: number,
): NDArray {
  const { headDim } = input.config;
  const projected = linear(normed, layerWeights(input)(projection));
  const table = rotaryTable(input.config, input.positions);
  return rotate(algebra, splitHeads(algebra, projected, heads, headDim), table, headDim);
}

/** These rows of the new tokens see the past, themselves and what is before them: `[rows, past + tokens]`. */
function causalBias(input: LayerInput, rows: readonly number[]): NDArray {
  const past = pastLength(input);
  const keys = past + input.positions.length;
  const bias = rows.flatMap((row) =>
    Array.from({ length: keys }, (_, key) => (seesKey(row, key, past) ? 0 : blockedLogit)),
  );
  return ndarray(bias, [rows.length, keys]);
}

function pastLength({ past }: LayerInput): number {
  return past?.key.shape[2] ?? 0;
}

function layerWeights({ weights, layer }: LayerInput) {
  return (name: string) => weights.tensor(`model.layers.${layer - 1}.${name}.weight`);
}

function attentionShape({ heads, kvHeads, headDim }: DecoderConfig): AttentionShape {
  return { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim) };
}
