import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { officialFile } from '@transprune/fixtures';
import {
  buildDecoder,
  decodeModel,
  encodeModel,
  encodePieces,
  namedRandomWeights,
  type OnnxModel,
} from '@transprune/onnx';

/** A decoder of 14 layers with its weights in a file beside it. */
export const officialDecoder = officialFile('group-query-attention/model.onnx');

/** How it names its weights. */
export const dataName = 'model.onnx.data';

/** A copy of the official decoder and its weights, as `model.onnx` in a folder. */
export async function copyDecoder(folder: string): Promise<string> {
  const path = join(folder, 'model.onnx');
  await copyFile(officialDecoder, path);
  await copyFile(`${officialDecoder}.data`, join(folder, dataName));
  return path;
}

/** A copy of the official decoder whose data file claims to be large; its end is a hole. */
export async function copyDecoderWithLargeData(folder: string, bytes: number): Promise<string> {
  const path = await copyDecoder(folder);
  await truncate(join(folder, dataName), bytes);
  return path;
}

/**
 * A decoder of thousands of nodes, as `model.onnx`, with a data file that claims to be large; its end is
 * a hole.
 *
 * @returns the file, and how many nodes it has
 */
export async function deepDecoder(folder: string, layers: number, bytes: number) {
  const pieces: Uint8Array[] = [];
  const sizes = { hiddenSize: 16, heads: 1, kvHeads: 1, headDim: 16, intermediateSize: 16 };
  const more = { vocabularySize: 16, rmsNormEpsilon: 1e-5, ropeTheta: 1e4, maxPositions: 64 };
  const model = buildDecoder(
    { layers, ...sizes, ...more, tiedEmbeddings: false },
    namedRandomWeights(1),
    {
      attention: 'multi-head',
      norms: 'separate',
      projections: 'split',
      architecture: { biases: true, queryKeyNorm: true },
      weightFile: { location: dataName, append: (piece) => pieces.push(piece) },
    },
  );
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodeModel(model));
  await writeFile(join(folder, dataName), Buffer.concat(pieces));
  await truncate(join(folder, dataName), bytes);
  return { path, nodes: model.graph?.node.length ?? 0 };
}

/** A decoder with a branch for the prompt and one on top of a cache, as `model.onnx`. */
export async function mergedDecoder(folder: string): Promise<string> {
  const sizes = { layers: 6, hiddenSize: 32, heads: 4, kvHeads: 2, headDim: 16 };
  const more = { intermediateSize: 48, vocabularySize: 32, rmsNormEpsilon: 1e-5, ropeTheta: 1e4 };
  const config = { ...sizes, ...more, maxPositions: 128, tiedEmbeddings: false };
  const model = buildDecoder(config, namedRandomWeights(1), {
    mergedBranches: true,
    numLogitsToKeep: true,
  });
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

/** A decoder with its weights inside the file, and as many bytes of zeros again. */
export async function decoderWithInlineWeights(folder: string, bytes: number): Promise<string> {
  const model = decodeModel(await readFile(officialFile('torchscript/model.onnx')));
  const [weight] = model.graph?.initializer ?? [];
  if (!model.graph || !weight) throw new Error('expected a model with weights');
  model.graph.initializer.push({
    ...weight,
    name: 'zeros',
    dims: [BigInt(bytes / 4)],
    rawData: new Uint8Array(bytes),
  });
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodePieces(model));
  return path;
}

/** The official decoder, altered, as `model.onnx` beside its weights. */
export async function alteredDecoder(
  folder: string,
  alter: (model: OnnxModel) => void,
): Promise<string> {
  const path = await copyDecoder(folder);
  const model = decodeModel(await readFile(path));
  alter(model);
  await writeFile(path, encodeModel(model));
  return path;
}
