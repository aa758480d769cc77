/**
 * Builds a LLaMA decoder as ONNX Runtime GenAI lays it out: fused norms with the residual add,
 * GroupQueryAttention with rotary inside, packed or separate projections.
 */
import { create } from '@bufbuild/protobuf';
import { type DecoderConfig, rotaryAngles } from '@transprune/core';
import { createEmitter, type Emitter, tensor } from '../graph/emitter.js';
import { tensorInfo } from '../graph/value-info.js';
import type { OnnxModel } from '../model/codec.js';
import { externalTensor } from '../model/external-data.js';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  type ValueInfoProto,
} from '../proto/onnx_pb.js';
import type { WeightSource } from './weights.js';

/** Takes weights out of the model, one tensor after the other. */
export interface WeightFile {
  /** How the model names the file. */
  readonly location: string;
  /** Appends bytes to the file. */
  append(bytes: Uint8Array): void;
}

export interface BuildOptions {
  /** One matrix for query, key and value, or three. */
  readonly projections?: 'packed' | 'split';
  /** Where weights go; left out, they are inside the model. */
  readonly weightFile?: WeightFile;
}

const irVersion = 10n;
const opset = 21;
const microsoft = 'com.microsoft';

/**
 * A decoder graph: `inputs_embeds`, `attention_mask` and `past_key_values.*` in, `logits` and
 * `present.*` out, float32.
 *
 * @throws TransPruneError INVALID_MODEL if the weights do not fit the sizes
 */
export function buildDecoder(
  config: DecoderConfig,
  weights: WeightSource,
  { projections = 'packed', weightFile }: BuildOptions = {},
): OnnxModel {
  const emitter = createEmitter([], opset);
  const store = weightStore(emitter, weightFile);
  const lengths = emitLengths(emitter);
  const angles = rotaryAngles(config, config.maxPositions);
  const table = [config.maxPositions, config.headDim / 2];
  const rotary = [
    store('cos_cache', Float32Array.from(angles, Math.cos), table),
    store('sin_cache', Float32Array.from(angles, Math.sin), table),
  ];
  const linear = (input: string, names: readonly string[], from: number, to: readonly number[]) => {
    const columns = to.reduce((sum, size) => sum + size, 0);
    const weight = store(names.join('+'), weights.linear(names, from, to), [from, columns]);
    return emitter.emit('MatMul', [input, weight]);
  };
  const norm = (name: string) =>
    store(name, weights.vector(name, config.hiddenSize), [config.hiddenSize]);
  const epsilon = { epsilon: { float: config.rmsNormEpsilon } };
  /** Adds a module's output to the stream; gives the sum and the norm of it. */
  const join = (stream: string, output: string, normName: string) => {
    const [normed, sum] = [`${output}/normed`, `${output}/stream`];
    emitter.emit('SkipSimplifiedLayerNormalization', [stream, output, norm(normName)], {
      domain: microsoft,
      attributes: epsilon,
      outputs: [normed, '', '', sum],
    });
    return { stream: sum, normed };
  };

  emitter.scope('layer_0');
  let state = {
    stream: 'inputs_embeds',
    normed: emitter.emit(
      'SimplifiedLayerNormalization',
      ['inputs_embeds', norm('model.layers.0.input_layernorm.weight')],
      { attributes: { ...epsilon, axis: -1, stash_type: 1 } },
    ),
  };
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize } = config;
  for (let layer = 0; layer < config.layers; layer++) {
    const name = (part: string) => `model.layers.${layer}.${part}.weight`;
    emitter.scope(`layer_${layer}/attention`);
    const sizes = [heads * headDim, kvHeads * headDim, kvHeads * headDim];
    const parts = ['q_proj', 'k_proj', 'v_proj'].map((part) => name(`self_attn.${part}`));
    const projected =
      projections === 'packed'
        ? [linear(state.normed, parts, hiddenSize, sizes), '', '']
        : parts.map((part, i) => linear(state.normed, [part], hiddenSize, [sizes[i] ?? 0]));
    const mixed = `layer_${layer}/attention/mixed`;
    const past = ['key', 'value'].map((kind) => `past_key_values.${layer}.${kind}`);
    emitter.emit('GroupQueryAttention', [...projected, ...past, ...lengths, ...rotary], {
      domain: microsoft,
      attributes: {
        num_heads: heads,
        kv_num_heads: kvHeads,
        scale: { float: 1 / Math.sqrt(headDim) },
        do_rotary: 1,
        rotary_interleaved: 0,
      },
      outputs: [mixed, `present.${layer}.key`, `present.${layer}.value`],
    });
    const attention = linear(mixed, [name('self_attn.o_proj')], heads * headDim, [hiddenSize]);
    state = join(state.stream, attention, name('post_attention_layernorm'));

    emitter.scope(`layer_${layer}/ffn`);
    const gate = linear(state.normed, [name('mlp.gate_proj')], hiddenSize, [intermediateSize]);
    const up = linear(state.normed, [name('mlp.up_proj')], hiddenSize, [intermediateSize]);
    const activated = emitter.emit('Mul', [gate, emitter.emit('Sigmoid', [gate])]);
    const product = emitter.emit('Mul', [activated, up]);
    const ffn = linear(product, [name('mlp.down_proj')], intermediateSize, [hiddenSize]);
    const following =
      layer + 1 < config.layers ? `model.layers.${layer + 1}.input_layernorm` : 'model.norm';
    state = join(state.stream, ffn, `${following}.weight`);
  }
  const head = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  const headWeight = weights.linear([head], hiddenSize, [config.vocabularySize]);
  emitter.emit(
    'MatMul',
    [state.normed, store(head, headWeight, [hiddenSize, config.vocabularySize])],
    {
      outputs: ['logits'],
    },
  );
  return create(ModelProtoSchema, {
    irVersion,
    producerName: 'transprune',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) }),
      create(OperatorSetIdProtoSchema, { domain: microsoft, version: 1n }),
    ],
    graph: create(GraphProtoSchema, {
      name: 'decoder',
      node: emitter.nodes,
      initializer: emitter.initializers,
      ...graphInterface(config),
    }),
  });
}

/** `seqlens_k` and `total_sequence_length`, from the mask. */
function emitLengths(emitter: Emitter): string[] {
  emitter.scope('lengths');
  const toInt32 = { attributes: { to: TensorProto_DataType.INT32 } };
  const sum = emitter.emit('ReduceSum', ['attention_mask', emitter.int64([1])], {
    attributes: { keepdims: 0 },
  });
  const last = emitter.emit('Sub', [sum, emitter.int64([1])]);
  const width = emitter.emit('Gather', [
    emitter.emit('Shape', ['attention_mask']),
    emitter.int64([1], []),
  ]);
  return [emitter.emit('Cast', [last], toInt32), emitter.emit('Cast', [width], toInt32)];
}

/** Puts weights into the model, or into the file; returns the name of the initializer. */
function weightStore(emitter: Emitter, file: WeightFile | undefined) {
  let offset = 0;
  return (name: string, values: Float32Array, dims: readonly number[]): string => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    if (file) {
      file.append(bytes);
      const place = { location: file.location, offset, length: bytes.length };
      emitter.initializers.push(externalTensor(name, TensorProto_DataType.FLOAT, dims, place));
      offset += bytes.length;
    } else {
      emitter.initializers.push(tensor(name, TensorProto_DataType.FLOAT, dims, bytes));
    }
    return name;
  };
}

function graphInterface(config: DecoderConfig): {
  input: ValueInfoProto[];
  output: ValueInfoProto[];
} {
  const { FLOAT, INT64 } = TensorProto_DataType;
  const caches = (prefix: string, length: string) =>
    Array.from({ length: config.layers }, (_, layer) =>
      ['key', 'value'].map((kind) =>
        tensorInfo(`${prefix}.${layer}.${kind}`, FLOAT, [
          'batch_size',
          config.kvHeads,
          length,
          config.headDim,
        ]),
      ),
    ).flat();
  return {
    input: [
      tensorInfo('inputs_embeds', FLOAT, ['batch_size', 'sequence_length', config.hiddenSize]),
      tensorInfo('attention_mask', INT64, ['batch_size', 'total_sequence_length']),
      ...caches('past_key_values', 'past_sequence_length'),
    ],
    output: [
      tensorInfo('logits', FLOAT, ['batch_size', 'sequence_length', config.vocabularySize]),
      ...caches('present', 'total_sequence_length'),
    ],
  };
}
