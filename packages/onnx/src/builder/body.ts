/** The decoder's nodes, from the embeddings to the logits. */
import { ports, softCapped } from '@transprune/core';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { emitAttention } from './attention.js';
import { type BuildContext, emitScalar, layoutAlgebra } from './context.js';
import { emitDerivedInputs } from './derived-inputs.js';
import { emitExperts } from './experts.js';
import { extraCacheNames, extraInputs } from './interface.js';
import { emitLinear } from './linear.js';
import { emitJoin, emitNorm, type StreamState } from './norms.js';

/** Emits all nodes; outputs have the names of the graph's outputs. */
export function emitDecoder(context: BuildContext): void {
  const { config, emitter, layout } = context;
  const at = (prefix: string): BuildContext => ({ ...context, emitter: emitter.child(prefix) });
  const derived = emitDerivedInputs(context);
  const stream = emitStream(context);
  const inputNorm = (layer: number) =>
    layer < config.layers ? `model.layers.${layer}.input_layernorm` : 'model.norm';
  let state: StreamState = { stream, normed: emitNorm(at('layer_0'), stream, inputNorm(0)) };
  for (let layer = 0; layer < config.layers; layer++) {
    const norms = moduleNorms(context, `model.layers.${layer}`);
    const inAttention = at(`layer_${layer}/attention`);
    const attention = emitAttention(inAttention, layer, state.normed, derived);
    const mixed = norms.afterAttention(inAttention, attention);
    state = emitJoin(inAttention, state.stream, mixed, norms.beforeFfn);

    const inFfn = at(`layer_${layer}/ffn`);
    const ffn = norms.afterFfn(inFfn, emitFfn(inFfn, layer, state.normed));
    state = emitJoin(inFfn, state.stream, ffn, inputNorm(layer + 1));
  }
  emitLogits(at(`layer_${config.layers - 1}/ffn`), state.normed);
  for (const [past, present] of extraCacheNames(layout)) {
    emitter.emit('Identity', [past], { outputs: [present] });
  }
}

/** The residual stream's start, in the layout's type. */
function emitStream(context: BuildContext): string {
  const { layout } = context;
  const emitter = context.emitter.child('embeddings');
  const { embeddingScale } = layout.architecture;
  const stream =
    layout.floatType === TensorProto_DataType.FLOAT
      ? ports.embeddings
      : emitter.cast(ports.embeddings, layout.floatType);
  return embeddingScale === undefined
    ? stream
    : emitter.emit('Mul', [stream, emitScalar(context, embeddingScale)]);
}

/** Names of norms around the modules; Gemma means another norm by `post_attention_layernorm`. */
function moduleNorms(context: BuildContext, layer: string) {
  if (!context.layout.architecture.moduleNorms) {
    const none = (_: BuildContext, output: string) => output;
    const beforeFfn = `${layer}.post_attention_layernorm`;
    return { afterAttention: none, beforeFfn, afterFfn: none };
  }
  const norm = (name: string) => (own: BuildContext, output: string) =>
    emitNorm(own, output, `${layer}.${name}`);
  return {
    afterAttention: norm('post_attention_layernorm'),
    beforeFfn: `${layer}.pre_feedforward_layernorm`,
    afterFfn: norm('post_feedforward_layernorm'),
  };
}

function emitFfn(context: BuildContext, layer: number, normed: string): string {
  const { emitter, config } = context;
  const { hiddenSize, intermediateSize } = config;
  const { experts } = context.layout.architecture;
  if (experts) return emitExperts(context, layer, normed, experts);
  const linear = (input: string, part: string, from: number, to: number) =>
    emitLinear(context, input, [`model.layers.${layer}.mlp.${part}`], from, [to]);
  const gate = linear(normed, 'gate_proj', hiddenSize, intermediateSize);
  const up = linear(normed, 'up_proj', hiddenSize, intermediateSize);
  const activated = emitter.emit('Mul', [gate, emitter.emit('Sigmoid', [gate])]);
  const product = emitter.emit('Mul', [activated, up]);
  return linear(product, 'down_proj', intermediateSize, hiddenSize);
}

/** The output projection, of all tokens or of the last ones, as float32. */
function emitLogits(context: BuildContext, normed: string): void {
  const { config, layout, emitter } = context;
  const { logitSoftcap } = layout.architecture;
  const head = config.tiedEmbeddings ? 'model.embed_tokens' : 'lm_head';
  const rows = layout.numLogitsToKeep ? emitLastRows(context, normed) : normed;
  const sizes = [config.vocabularySize];
  const plain = emitLinear(context, rows, [head], config.hiddenSize, sizes);
  const logits =
    logitSoftcap === undefined ? plain : softCapped(layoutAlgebra(context), plain, logitSoftcap);
  if (layout.floatType !== TensorProto_DataType.FLOAT) {
    emitter.cast(logits, TensorProto_DataType.FLOAT);
  }
  const last = emitter.nodes.at(-1);
  if (last) last.output = [ports.logits];
}

/** The last `num_logits_to_keep` rows; all if it is 0, as a slice from -0 has it. */
function emitLastRows({ emitter }: BuildContext, normed: string): string {
  const count = emitter.emit('Unsqueeze', [extraInputs.numLogitsToKeep, emitter.int64([0])]);
  const start = emitter.emit('Neg', [count]);
  const end = emitter.int64([Number.MAX_SAFE_INTEGER]);
  return emitter.emit('Slice', [normed, start, end, emitter.int64([1])]);
}
