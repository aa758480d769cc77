import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { officialFile } from '@transprune/fixtures';
import { decodeModel, encodeModel, type OnnxModel } from '@transprune/onnx';

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
