import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uniformNoise } from '@transprune/core';
import { caseGraph } from '@transprune/fixtures';
import { decodeModel, encodeModel, type OnnxModel, TensorProto_DataType } from '@transprune/onnx';
import { temporaryFolder } from './program.js';

/** A graph of the fixtures as a file of its own; matrices that were left out are random. */
export async function writeCase(name: string): Promise<string> {
  const model = decodeModel(caseGraph(name));
  fillMatrices(model);
  const path = join(await temporaryFolder(), 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

function fillMatrices({ graph }: OnnxModel): void {
  for (const [seed, tensor] of (graph?.initializer ?? []).entries()) {
    const [rows, columns] = tensor.dims.map(Number);
    const isLeftOut = tensor.dataType === TensorProto_DataType.FLOAT && tensor.rawData.length === 0;
    if (!isLeftOut || rows === undefined || columns === undefined) continue;
    // Of variance 1 / rows, so that a product is about as large as what is multiplied.
    const bound = Math.sqrt(3 / rows);
    const values = Float32Array.from(
      uniformNoise(seed, rows * columns),
      (u) => (2 * u - 1) * bound,
    );
    tensor.rawData = new Uint8Array(values.buffer);
  }
}
