/** Writes `onnx/decoder_model_merged.onnx` of a model folder from the configuration and the weights in it. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decoderConfig, readSafetensors } from '@transprune/core';
import { buildDecoder, checkpointWeights, encodeModel } from '@transprune/onnx';

const folder = process.argv[2];
const file = (path) => join(folder, path);
const config = decoderConfig(JSON.parse(readFileSync(file('config.json'), 'utf8')));
const weights = readSafetensors(readFileSync(file('weights/decoder.safetensors')));
const decoder = buildDecoder(config, checkpointWeights(weights));

const unfinished = file('onnx/decoder_model_merged.onnx.unfinished');
writeFileSync(unfinished, encodeModel(decoder));
renameSync(unfinished, file('onnx/decoder_model_merged.onnx'));
