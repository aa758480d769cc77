/** Writes `model/onnx/decoder_model_merged.onnx` from the configuration and the weights beside it. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { decoderConfig, readSafetensors } from '@transprune/core';
import { buildDecoder, checkpointWeights, encodeModel } from '@transprune/onnx';

const file = (path) => new URL(`../model/${path}`, import.meta.url);
const config = decoderConfig(JSON.parse(readFileSync(file('config.json'), 'utf8')));
const weights = readSafetensors(readFileSync(file('weights/decoder.safetensors')));
const decoder = buildDecoder(config, checkpointWeights(weights));

const unfinished = file('onnx/decoder_model_merged.onnx.unfinished');
writeFileSync(unfinished, encodeModel(decoder));
renameSync(unfinished, file('onnx/decoder_model_merged.onnx'));
