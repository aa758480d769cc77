/** What every layer's attention reads besides the stream and its cache: computed once, at the top. */
import { float16Array, pastCache, ports, rotaryAngles } from '@transprune/core';
import { tensor } from '../graph/emitter.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import { type BuildContext, emitScalar } from './context.js';

export interface DerivedInputs {
  /** `seqlens_k` `[batch]` and `total_sequence_length`, a scalar; for group-query attention. */
  readonly lengths: readonly string[];
  /** Added to attention logits, `[batch, 1, tokens, total]`; for multi-head attention. */
  readonly attentionBias: string;
  /** Cosines and sines, each `[positions, head_dim / 2]`. */
  readonly rotary: readonly string[];
}

/** Computes what the layout's attention reads; the rest is empty. */
export function emitDerivedInputs(context: BuildContext): DerivedInputs {
  const groupQuery = context.layout.attention === 'group-query';
  return {
    lengths: groupQuery ? emitLengths(context) : [],
    attentionBias: groupQuery ? '' : emitAttentionBias(context),
    rotary: rotaryTables(context),
  };
}

function rotaryTables({ config, store }: BuildContext): string[] {
  const table = [config.maxPositions, config.headDim / 2];
  const values = (component: (angle: number) => number) => () =>
    Float32Array.from(rotaryAngles(config, config.maxPositions), component);
  return [
    store.floats('cos_cache', table, values(Math.cos)),
    store.floats('sin_cache', table, values(Math.sin)),
  ];
}

/** `seqlens_k` and `total_sequence_length`, from the mask. */
function emitLengths(context: BuildContext): string[] {
  const emitter = context.emitter.child('lengths');
  const sum = emitter.emit('ReduceSum', [ports.attentionMask, emitter.int64([1])], {
    attributes: { keepdims: 0 },
  });
  const last = emitter.emit('Sub', [sum, emitter.int64([1])]);
  const width = emitter.emit('Gather', [
    emitter.emit('Shape', [ports.attentionMask]),
    emitter.int64([1], []),
  ]);
  const { INT32 } = TensorProto_DataType;
  return [emitter.cast(last, INT32), emitter.cast(width, INT32)];
}

/**
 * The causal mask and the mask of padding as one bias. Sizes are read from `inputs_embeds` and the
 * first layer's past, not from the mask, as GenAI's builder does.
 */
function emitAttentionBias(context: BuildContext): string {
  const { layout, withPast } = context;
  const emitter = context.emitter.child('attention_bias');
  const size = (value: string, axis: number) =>
    emitter.emit('Gather', [emitter.emit('Shape', [value]), emitter.int64([axis], [])]);
  const vector = (scalar: string) => emitter.emit('Unsqueeze', [scalar, emitter.int64([0])]);
  const concat = (values: readonly string[]) =>
    emitter.emit('Concat', values, { attributes: { axis: 0 } });
  const [zero, one] = [emitter.int64([0], []), emitter.int64([1], [])];

  const batch = size(ports.embeddings, 0);
  const tokens = size(ports.embeddings, 1);
  const past = withPast ? size(pastCache(0, 'key'), 2) : zero;
  const total = emitter.emit('Add', [tokens, past]);
  const rows = emitter.emit('Range', [past, total, one]);
  const columns = emitter.emit('Range', [zero, total, one]);
  const ends = emitter.emit('Unsqueeze', [emitter.emit('Add', [rows, one]), emitter.int64([1])]);
  const seen = emitter.emit('Less', [columns, ends]);
  const blocked = emitter.emit('ConstantOfShape', [concat([vector(tokens), vector(total)])], {
    attributes: { value: lowest(layout.floatType) },
  });
  const causal = emitter.emit('Where', [seen, emitScalar(context, 0), blocked]);
  const shape = concat([vector(batch), emitter.int64([1]), vector(tokens), vector(total)]);
  const causalBias = emitter.emit('Expand', [
    emitter.emit('Unsqueeze', [causal, emitter.int64([0, 1])]),
    shape,
  ]);

  const mask = emitter.emit('Expand', [
    emitter.emit('Unsqueeze', [ports.attentionMask, emitter.int64([1, 2])]),
    shape,
  ]);
  const padding = emitter.emit('Sub', [
    emitScalar(context, 1),
    emitter.cast(mask, layout.floatType),
  ]);
  const paddingBias = emitter.emit('Where', [
    emitter.cast(padding, TensorProto_DataType.BOOL),
    emitScalar(context, lowestNumber(layout.floatType)),
    padding,
  ]);
  return emitter.emit('Add', [paddingBias, causalBias]);
}

function lowestNumber(type: TensorProto_DataType): number {
  return type === TensorProto_DataType.FLOAT16 ? -65504 : -(2 - 2 ** -23) * 2 ** 127;
}

function lowest(type: TensorProto_DataType) {
  const value = Float32Array.of(lowestNumber(type));
  const data = type === TensorProto_DataType.FLOAT16 ? float16Array(value) : value;
  return tensor('', type, [1], new Uint8Array(data.buffer));
}
