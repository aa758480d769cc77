/** Decoders of real sizes with random weights, as files. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Precision, type SyntheticName, syntheticDecoder } from '@transprune/bench';
import { encodeModel } from '@transprune/onnx';

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
  const location = 'decoder.onnx.data';
  const file = openSync(join(folder, location), 'w');
  try {
    const model = syntheticDecoder(name, {
      precision,
      positions,
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
