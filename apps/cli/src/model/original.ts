/** The decoder of a model as it was exported, read. */
import type { VlmFiles } from '@transprune/files';
import { type Decoder, type OnnxModel, readDecoder } from '@transprune/onnx';
import { type Costing, modelCosting } from './costing.js';
import { decoderPath } from './find.js';

export interface OriginalDecoder {
  readonly path: string;
  readonly original: OnnxModel;
  readonly decoder: Decoder;
  /** Of the whole model. */
  readonly costing: Costing;
}

/** @throws TransPruneError as `readModelFile`, `readDecoder` and `modelFromConfig` do */
export async function readOriginal(files: VlmFiles): Promise<OriginalDecoder> {
  const { readModelFile } = await import('@transprune/files/node');
  const path = await decoderPath(files);
  const original = await readModelFile(path);
  const decoder = readDecoder(original);
  return { path, original, decoder, costing: await modelCosting(files, decoder) };
}
