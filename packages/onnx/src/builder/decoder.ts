/**
 * Builds a decoder as ONNX Runtime GenAI's builder and ONNX Runtime's optimizer lay it out: LLaMA
 * with fused norms and GroupQueryAttention, or any of the variants in `BuildOptions`.
 */
import { create } from '@bufbuild/protobuf';
import type { DecoderConfig } from '@transprune/core';
import { createEmitter } from '../graph/emitter.js';
import type { OnnxModel } from '../model/codec.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
} from '../proto/onnx_pb.js';
import { emitDecoder } from './body.js';
import { microsoft } from './context.js';
import { graphInputs, graphOutputs } from './interface.js';
import { mergedBranches } from './merged.js';
import { type BuildOptions, resolveLayout } from './options.js';
import { weightStore } from './store.js';
import type { WeightSource } from './weights.js';

export type { Architecture, BuildOptions, WeightFile } from './options.js';

const irVersion = 10n;
const opset = 21;

/**
 * A decoder graph: `inputs_embeds`, `attention_mask` and `past_key_values.*` in, `logits` and
 * `present.*` out, and what the options add.
 *
 * @throws TransPruneError INVALID_MODEL if the weights do not fit the sizes, INVALID_ARGUMENT if the
 *   options contradict each other or the sizes
 */
export function buildDecoder(
  config: DecoderConfig,
  weights: WeightSource,
  options: BuildOptions = {},
): OnnxModel {
  const layout = resolveLayout(config, options);
  const [input, output] = [graphInputs(config, layout), graphOutputs(config, layout)];
  let node: NodeProto[];
  let initializer: TensorProto[];
  if (layout.mergedBranches) {
    initializer = [];
    const store = weightStore(initializer, layout.floatType, options.weightFile);
    const parts = { config, layout, weights, store };
    node = [mergedBranches(parts, opset, output, initializer, emitDecoder)];
  } else {
    const emitter = createEmitter([], opset);
    initializer = emitter.initializers;
    const store = weightStore(initializer, layout.floatType, options.weightFile);
    emitDecoder({ config, layout, weights, store, emitter, withPast: true });
    node = emitter.nodes;
  }
  return create(ModelProtoSchema, {
    irVersion,
    producerName: 'transprune',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain: microsoft, version: 1n }),
    ],
    graph: create(GraphProtoSchema, { name: 'decoder', node, initializer, input, output }),
  });
}
