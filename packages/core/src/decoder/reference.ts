/**
 * A LLaMA decoder on float64 arrays that prunes as it goes: slow, obvious, and the truth that graphs
 * and backends are compared with.
 */
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { type NDArray, ndarray, take } from '../algebra/ndarray.js';
import { methodByName, type SignalName } from '../methods/index.js';
import { newlyAccumulatedLayers, type PrunePlan, validatePlan } from '../plan/plan.js';
import { keptImageTokens, selectTokens } from '../plan/selection.js';
import {
  blockedLogit,
  instructionAttention,
  type RotaryTable,
  rotate,
} from '../signals/instruction-attention.js';
import { uniformNoise } from '../signals/noise.js';
import { layerTransition, type ModulePass } from '../signals/transition.js';
import type { DecoderConfig } from './config.js';
import { rotaryAngles } from './rotary.js';
import type { Checkpoint } from './safetensors.js';

/** Keys and values of one layer, `[batch, kv_heads, tokens, head_dim]`. */
export interface LayerCache {
  readonly key: NDArray;
  readonly value: NDArray;
}

/** What happened at one stage, over the tokens that were there before it. */
export interface StageTrace {
  /** `[tokens]`, as the method gave it. */
  readonly score: Float64Array;
  /** The method's signals, each `[tokens]`. */
  readonly signals: Readonly<Partial<Record<SignalName, Float64Array>>>;
  /** 1 at image tokens, `[tokens]`. */
  readonly imageMask: readonly number[];
  /** Survivors as positions in the input sequence, ascending. */
  readonly kept: readonly number[];
}

export interface ReferenceResult {
  /** `[batch, tokens left, vocabulary]` */
  readonly logits: NDArray;
  readonly cache: readonly LayerCache[];
  readonly stages: readonly StageTrace[];
}

export interface ReferenceInput {
  /** `[1, tokens, hidden]` */
  readonly inputsEmbeds: NDArray;
  /** Not 0 at image tokens; left out: there are none, and nothing is pruned. */
  readonly imageMask?: readonly number[];
  readonly plan?: PrunePlan;
  /** The cache of an earlier call, to go on behind it. */
  readonly cache?: readonly LayerCache[];
}

/**
 * Runs a decoder over embeddings.
 *
 * @param weights tensors under LLaMA's names (`model.layers.0.self_attn.q_proj.weight`, ...)
 * @throws TransPruneError INVALID_PLAN if the plan does not fit the decoder
 */
export function runReference(
  config: DecoderConfig,
  weights: Checkpoint,
  input: ReferenceInput,
): ReferenceResult {
  if (input.plan) validatePlan(input.plan, config.layers);
  const original = input.inputsEmbeds.shape[1] ?? 0;
  const originalImages = (input.imageMask ?? []).filter((m) => m !== 0).length;
  const noise = input.plan ? uniformNoise(input.plan.seed, original) : new Float32Array();
  const scale = 1 / Math.sqrt(config.headDim);

  let stream = input.inputsEmbeds;
  let positions = Array.from({ length: original }, (_, i) => i);
  let imageMask = positions.map((i) => (input.imageMask?.[i] ? 1 : 0));
  let transition = ndarray(new Float64Array(original), [1, original]);
  const cache: LayerCache[] = [];
  const stages: StageTrace[] = [];

  for (let layer = 1; layer <= config.layers; layer++) {
    const pass = runLayer(config, weights, layer, stream, input.cache?.[layer - 1], scale);
    stream = pass.stream;
    cache.push(pass.cache);

    const plan = input.plan;
    const stageIndex = plan ? plan.stages.findIndex((s) => s.afterLayer >= layer) : -1;
    const stage = plan?.stages[stageIndex];
    if (!plan || !stage || originalImages === 0) continue;
    if (newlyAccumulatedLayers(plan, stageIndex).includes(layer)) {
      transition = algebra.add(transition, layerTransition(algebra, pass.modules, plan.direction));
    }
    if (stage.afterLayer !== layer) continue;

    const signals: Record<SignalName, NDArray> = {
      transition,
      instructionAttention: attentionBehind(config, weights, layer + 1, stream, imageMask, scale),
      noise: ndarray(
        positions.map((i) => noise[i] ?? 0),
        [1, positions.length],
      ),
    };
    const method = methodByName(plan.method);
    const score = method.score(algebra, signals, ndarray(imageMask, [1, imageMask.length]));
    const kept = selectTokens(
      score.data,
      imageMask,
      keptImageTokens(stage.keepRatio, originalImages),
    );
    const used = method.needs.map((name) => [name, signals[name].data] as const);
    positions = kept.map((i) => positions[i] ?? 0);
    stages.push({
      score: score.data,
      signals: Object.fromEntries(used),
      imageMask,
      kept: positions,
    });
    imageMask = kept.map((i) => imageMask[i] ?? 0);
    stream = take(stream, 1, kept);
    transition = take(transition, 1, kept);
  }
  const normed = rmsNorm(stream, weights.tensor('model.norm.weight'), config.rmsNormEpsilon);
  const head = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  return { logits: linear(normed, weights.tensor(head)), cache, stages };
}

function runLayer(
  config: DecoderConfig,
  weights: Checkpoint,
  layer: number,
  stream: NDArray,
  past: LayerCache | undefined,
  scale: number,
) {
  const weight = layerWeights(weights, layer);
  const normed = rmsNorm(stream, weight('input_layernorm'), config.rmsNormEpsilon);
  const tokens = stream.shape[1] ?? 0;
  const pastLength = past?.key.shape[2] ?? 0;
  const rotary = rotaryRows(config, pastLength, pastLength + tokens);
  const split = (x: NDArray, heads: number) =>
    algebra.transpose(algebra.reshape(x, [0, 0, heads, config.headDim]), [0, 2, 1, 3]);
  const queries = split(linear(normed, weight('self_attn.q_proj')), config.heads);
  const newKeys = split(linear(normed, weight('self_attn.k_proj')), config.kvHeads);
  const newValues = split(linear(normed, weight('self_attn.v_proj')), config.kvHeads);
  const rotated = rotate(algebra, newKeys, rotary, config.headDim);
  const key = past ? algebra.concat([past.key, rotated], 2) : rotated;
  const value = past ? algebra.concat([past.value, newValues], 2) : newValues;

  const group = config.heads / config.kvHeads;
  const grouped = algebra.reshape(rotate(algebra, queries, rotary, config.headDim), [
    1,
    config.kvHeads,
    group,
    tokens,
    config.headDim,
  ]);
  const overGroups = (x: NDArray) => algebra.reshape(x, [1, config.kvHeads, 1, -1, config.headDim]);
  const products = algebra.matmul(grouped, algebra.transpose(overGroups(key), [0, 1, 2, 4, 3]));
  const logits = algebra.add(
    algebra.multiply(products, algebra.constant(scale)),
    causalBias(pastLength, tokens, pastLength + tokens),
  );
  const mixed = algebra.matmul(algebra.softmax(logits, -1), overGroups(value));
  const merged = algebra.reshape(
    algebra.transpose(
      algebra.reshape(mixed, [1, config.heads, tokens, config.headDim]),
      [0, 2, 1, 3],
    ),
    [1, tokens, -1],
  );
  const attention = linear(merged, weight('self_attn.o_proj'));
  const middle = algebra.add(stream, attention);

  const ffnInput = rmsNorm(middle, weight('post_attention_layernorm'), config.rmsNormEpsilon);
  const gate = linear(ffnInput, weight('mlp.gate_proj'));
  const activated = { shape: gate.shape, data: gate.data.map((x) => x / (1 + Math.exp(-x))) };
  const ffn = linear(
    algebra.multiply(activated, linear(ffnInput, weight('mlp.up_proj'))),
    weight('mlp.down_proj'),
  );
  const modules: ModulePass<NDArray>[] = [
    { input: normed, output: attention },
    { input: ffnInput, output: ffn },
  ];
  return { stream: algebra.add(middle, ffn), cache: { key, value }, modules };
}

/** Instruction-guided attention with the projections of `layer`, over the stream that enters it. */
function attentionBehind(
  config: DecoderConfig,
  weights: Checkpoint,
  layer: number,
  stream: NDArray,
  imageMask: readonly number[],
  scale: number,
): NDArray {
  const weight = layerWeights(weights, layer);
  const normed = rmsNorm(stream, weight('input_layernorm'), config.rmsNormEpsilon);
  const tokens = imageMask.length;
  const start = instructionStart(imageMask);
  return instructionAttention(
    algebra,
    {
      queries: linear(algebra.slice(normed, 1, start, tokens), weight('self_attn.q_proj')),
      keys: linear(normed, weight('self_attn.k_proj')),
      queryRotary: rotaryRows(config, start, tokens),
      keyRotary: rotaryRows(config, 0, tokens),
      causalBias: causalBias(start, tokens - start, tokens),
    },
    { ...config, scale },
  );
}

/** First instruction token: the one behind the last image token, or the last token if none is. */
function instructionStart(imageMask: readonly number[]): number {
  const lastImage = imageMask.findLastIndex((m) => m !== 0);
  return Math.min(lastImage + 1, imageMask.length - 1);
}

function layerWeights(weights: Checkpoint, layer: number) {
  return (name: string) => weights.tensor(`model.layers.${layer - 1}.${name}.weight`);
}

/** `x @ weight^T`, the weight as PyTorch stores it: `[out, in]`. */
function linear(x: NDArray, weight: NDArray): NDArray {
  return algebra.matmul(x, algebra.transpose(weight, [1, 0]));
}

function rmsNorm(x: NDArray, weight: NDArray, epsilon: number): NDArray {
  const power = algebra.mean(algebra.multiply(x, x), [-1], true);
  const size = { shape: power.shape, data: power.data.map((p) => Math.sqrt(p + epsilon)) };
  return algebra.multiply(algebra.divide(x, size), weight);
}

function rotaryRows(config: DecoderConfig, from: number, to: number): RotaryTable<NDArray> {
  const half = config.headDim / 2;
  const angles = rotaryAngles(config, to).subarray(from * half);
  const shape = [to - from, half];
  return {
    cos: ndarray(angles.map(Math.cos), shape),
    sin: ndarray(angles.map(Math.sin), shape),
  };
}

/** Row r stands at position `start + r` and sees what is not behind it: `[rows, tokens]`. */
function causalBias(start: number, rows: number, tokens: number): NDArray {
  const bias = Float64Array.from({ length: rows * tokens }, (_, at) =>
    at % tokens > start + Math.floor(at / tokens) ? blockedLogit : 0,
  );
  return ndarray(bias, [rows, tokens]);
}
