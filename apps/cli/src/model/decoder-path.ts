import { TransPruneError } from '@transprune/core';
import type { VlmFiles } from '@transprune/files';

/**
 * Path of a folder's decoder.
 *
 * @throws TransPruneError NOT_FOUND that names the missing file
 */
export async function decoderPath(files: VlmFiles): Promise<string> {
  const source = await files.graph('decoder_model_merged');
  if ('path' in source) return source.path;
  throw new TransPruneError('INVALID_ARGUMENT', 'expected a model in a folder', {
    model: files.name,
  });
}
