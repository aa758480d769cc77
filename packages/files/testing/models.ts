import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { officialFile } from '@transprune/fixtures';

const decoder = officialFile('group-query-attention/model.onnx');

/** How the official decoder names its weights. */
export const dataName = 'model.onnx.data';

/** A copy of the official decoder and its weights, as `model.onnx` in a folder. */
export async function copyDecoder(folder: string): Promise<string> {
  const path = join(folder, 'model.onnx');
  await copyFile(decoder, path);
  await copyFile(`${decoder}.data`, join(folder, dataName));
  return path;
}

/** True if onnxruntime loads a file. */
export async function opens(path: string): Promise<boolean> {
  try {
    const opened = await nodeBackend.open({ path }, { device: 'cpu' });
    if ('unavailable' in opened) return false;
    await opened.dispose();
    return true;
  } catch {
    return false;
  }
}
