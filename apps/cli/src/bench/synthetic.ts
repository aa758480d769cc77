/** Decoders of real sizes with random weights: speed does not depend on what the weights say. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { modelPreset } from '@transprune/flops';
import { buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';

/** Names that `--synthetic` takes: models by name whose decoder fits on an ordinary machine. */
export const syntheticNames = ['smollm2-135m'] as const;
export type SyntheticName = (typeof syntheticNames)[number];

const seed = 1;

/**
 * Writes a decoder with seeded random weights, tensor by tensor.
 *
 * @param positions longest sequence that it has to serve
 * @returns path of the .onnx file; its weights lie beside it
 */
export function writeSyntheticDecoder(
  name: SyntheticName,
  folder: string,
  positions: number,
): string {
  const { decoder } = modelPreset(name);
  const location = 'decoder.onnx.data';
  const file = openSync(join(folder, location), 'w');
  try {
    const model = buildDecoder({ ...decoder, maxPositions: positions }, randomWeights(seed), {
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
