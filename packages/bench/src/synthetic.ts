/** Decoders of real sizes with random weights: speed does not depend on what the weights say. */
import { type DecoderConfig, decoderConfig } from '@transprune/core';
import { type ModelName, presetConfig } from '@transprune/flops';
import {
  type BuildOptions,
  buildDecoder,
  type OnnxModel,
  randomWeights,
  type WeightFile,
} from '@transprune/onnx';

/** Where a decoder differs from LLaMA, by its model's name: decoders that fit anywhere. */
const architectures = {
  'smollm2-135m': {},
  'smolvlm-256m': {},
  'smolvlm-500m': {},
  'smolvlm-2.2b': {},
  'llava-1.5-7b': {},
  'qwen2.5-0.5b': { biases: true },
} as const satisfies Partial<Record<ModelName, BuildOptions['architecture']>>;

export type SyntheticName = keyof typeof architectures;
export const syntheticNames = Object.keys(architectures) as readonly SyntheticName[];

/** What weights are held in. */
const precisions = { fp32: 'float32', fp16: 'float16', int4: 'int4' } as const;

export type Precision = keyof typeof precisions;
export const precisionNames = Object.keys(precisions) as readonly Precision[];

/** Bytes of an element of the caches. */
export const cacheElementBytes: Readonly<Record<Precision, number>> = { fp32: 4, fp16: 2, int4: 4 };

const seed = 1;

export interface SyntheticOptions {
  readonly precision: Precision;
  /** Longest sequence that it has to serve. */
  readonly positions: number;
  /** Gets the weights, tensor by tensor; inside the model if left out. */
  readonly weightFile?: WeightFile;
}

/** A decoder with seeded random weights, of a model that is named or of these sizes. */
export function syntheticDecoder(
  shape: SyntheticName | DecoderConfig,
  { precision, positions, weightFile }: SyntheticOptions,
): OnnxModel {
  const isNamed = typeof shape === 'string';
  const sizes = isNamed ? decoderConfig(presetConfig(shape)) : shape;
  return buildDecoder({ ...sizes, maxPositions: positions }, randomWeights(seed), {
    precision: precisions[precision],
    ...(isNamed && { architecture: architectures[shape] }),
    ...(weightFile && { weightFile }),
  });
}
