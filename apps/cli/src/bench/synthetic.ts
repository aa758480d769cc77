/** Decoders of real sizes with random weights: speed does not depend on what the weights say. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { decoderConfig } from '@transprune/core';
import { type ModelName, presetConfig } from '@transprune/flops';
import { type BuildOptions, buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';

/** Where a decoder differs from LLaMA, by the names that `--synthetic` takes: decoders that fit anywhere. */
const architectures = {
  'smollm2-135m': {},
  'smolvlm-256m': {},
  'smolvlm-500m': {},
  'qwen2.5-0.5b': { biases: true },
} as const satisfies Partial<Record<ModelName, BuildOptions['architecture']>>;

export type SyntheticName = keyof typeof architectures;
export const syntheticNames = Object.keys(architectures) as readonly SyntheticName[];

/** What weights are held in, by the names that `--precision` takes. */
const precisions = { fp32: 'float32', fp16: 'float16', int4: 'int4' } as const;

export type Precision = keyof typeof precisions;
export const precisionNames = Object.keys(precisions) as readonly Precision[];

/** Bytes of an element of the caches. */
export const cacheElementBytes: Readonly<Record<Precision, number>> = { fp32: 4, fp16: 2, int4: 4 };

const seed = 1;

/**
 * Writes a decoder with seeded random weights, tensor by tensor.
 *
 * @param positions longest sequence that it has to serve
 * @returns path of the .onnx file; its weights lie beside it
 */
export function writeSyntheticDecoder(
  name: SyntheticName,
  precision: Precision,
  folder: string,
  positions: number,
): string {
  const decoder = decoderConfig(presetConfig(name));
  const location = 'decoder.onnx.data';
  const file = openSync(join(folder, location), 'w');
  try {
    const model = buildDecoder({ ...decoder, maxPositions: positions }, randomWeights(seed), {
      precision: precisions[precision],
      architecture: architectures[name],
      weightFile: { location, append: (bytes) => writeAll(file, bytes) },
    });
    const path = join(folder, 'decoder.onnx');
    writeFileSync(path, encodeModel(model));
    return path;
  } finally {
    closeSync(file);
  }
}

/** One call may write less than it was given. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
