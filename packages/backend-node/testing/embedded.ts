/** The embedded model's decoder. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decoderConfig, readSafetensors } from '@transprune/core';
import {
  type BuildOptions,
  buildDecoder,
  checkpointWeights,
  type OnnxModel,
} from '@transprune/onnx';
import { modelDirectory } from '@transprune/small-model';

/** The embedded decoder, laid out as asked for. */
export function embeddedDecoder(options: BuildOptions = {}): OnnxModel {
  const read = (path: string) => readFileSync(join(modelDirectory, path));
  const config = decoderConfig(JSON.parse(read('config.json').toString()));
  const weights = readSafetensors(read('weights/decoder.safetensors'));
  return buildDecoder(config, checkpointWeights(weights), options);
}
