/** Inputs and outputs of the decoder. */
import { type DecoderConfig, ports } from '@transprune/core';
import { tensorInfo } from '../graph/value-info.js';
import { TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';
import type { Layout } from './options.js';

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/** Inputs that a layout has besides embeddings, mask and caches. */
export const extraInputs = {
  positions: ports.positionIds,
  numLogitsToKeep: ports.logitsToKeep[0],
  useCacheBranch: ports.useCacheBranch,
} as const;

/** Columns of a state `past_conv.*`. */
const convolutionWidth = 3;

/** Names of extra states, in and out. */
export function extraCacheNames({ extraCaches }: Layout): [past: string, present: string][] {
  return Array.from({ length: extraCaches }, (_, i) => [`past_conv.${i}`, `present_conv.${i}`]);
}

export function graphInputs(config: DecoderConfig, layout: Layout): ValueInfoProto[] {
  const states = extraCacheNames(layout).map(([past]) => past);
  return [
    tensorInfo(ports.embeddings, FLOAT, ['batch_size', 'sequence_length', config.hiddenSize]),
    tensorInfo(ports.attentionMask, INT64, ['batch_size', 'total_sequence_length']),
    ...(layout.rotary === 'separate'
      ? [tensorInfo(extraInputs.positions, INT64, ['batch_size', 'sequence_length'])]
      : []),
    ...caches(config, layout, 'past_key_values', 'past_sequence_length'),
    ...states.map((name) => extraState(config, layout, name)),
    ...(layout.numLogitsToKeep ? [tensorInfo(extraInputs.numLogitsToKeep, INT64, [])] : []),
    ...(layout.mergedBranches ? [tensorInfo(extraInputs.useCacheBranch, BOOL, [1])] : []),
  ];
}

export function graphOutputs(config: DecoderConfig, layout: Layout): ValueInfoProto[] {
  const rows = layout.numLogitsToKeep ? extraInputs.numLogitsToKeep : 'sequence_length';
  const states = extraCacheNames(layout).map(([, present]) => present);
  return [
    tensorInfo(ports.logits, FLOAT, ['batch_size', rows, config.vocabularySize]),
    ...caches(config, layout, 'present', 'total_sequence_length'),
    ...states.map((name) => extraState(config, layout, name)),
  ];
}

function caches(
  { layers, kvHeads, headDim }: DecoderConfig,
  { floatType }: Layout,
  prefix: string,
  length: string,
): ValueInfoProto[] {
  return Array.from({ length: layers }, (_, layer) =>
    ['key', 'value'].map((kind) =>
      tensorInfo(`${prefix}.${layer}.${kind}`, floatType, ['batch_size', kvHeads, length, headDim]),
    ),
  ).flat();
}

function extraState({ hiddenSize }: DecoderConfig, { floatType }: Layout, name: string) {
  return tensorInfo(name, floatType, ['batch_size', hiddenSize, convolutionWidth]);
}
