import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { uniformNoise } from '@transprune/core';
import { caseGraph } from '@transprune/fixtures';
import { decodeModel, encodeModel, type OnnxModel, TensorProto_DataType } from '@transprune/onnx';
import { expect, test } from 'vitest';
import { temporaryFolder, transpruneJson } from './program.js';

/** Three prunes of a decoder of six layers or more. */
export const plan = ['--accumulate', '1-3', '--prune-after', '2,3,4', '--keep', '.75,.5,.25'];

/** Bytes of a number. */
const sizes = new Map<number, number>([
  [TensorProto_DataType.FLOAT, 4],
  [TensorProto_DataType.FLOAT16, 2],
  [TensorProto_DataType.UINT8, 1],
]);

/** A graph of the fixtures as a file of its own; weights that were left out are random, or 0 if they are no float32. */
export async function writeCase(name: string): Promise<string> {
  const model = decodeModel(caseGraph(name));
  fillWeights(model);
  const path = join(await temporaryFolder(), 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

function fillWeights({ graph }: OnnxModel): void {
  for (const [seed, tensor] of (graph?.initializer ?? []).entries()) {
    const { dataType, dims, rawData } = tensor;
    const count = dims.reduce((all, size) => all * Number(size), 1);
    const bytes = count * (sizes.get(dataType) ?? 0);
    // What is smaller was left where it was.
    if (rawData.length > 0 || bytes <= 1024) continue;
    // Of variance 1 / rows, so that a product is about as large as what is multiplied.
    const bound = Math.sqrt(3 / Number(dims[0]));
    const values = Float32Array.from(uniformNoise(seed, count), (u) => (2 * u - 1) * bound);
    const isFloat = dataType === TensorProto_DataType.FLOAT;
    tensor.rawData = isFloat ? new Uint8Array(values.buffer) : new Uint8Array(bytes);
  }
}

/**
 * Tests that files are pruned, and pass the check that `prune` makes by itself.
 *
 * @param cases each with options of the program
 */
export function checkCases(
  cases: readonly (readonly [name: string, ...options: string[]])[],
): void {
  test.each(cases)('%s', async (name, ...options) => {
    const path = await writeCase(name);
    const output = join(dirname(path), 'pruned.onnx');
    const document = await transpruneJson('prune', path, '-o', output, ...plan, ...options);
    expect(document.verification).toMatchObject({ passed: true });
  });
}
