/** Decoders whose layers are no plain attention and FFN, each after the other. */
import { caseFile, type HubModel, hubFolder } from '@transprune/fixtures';
import { verifyMixers } from '../testing/verify.js';

const quantized = (name: HubModel) => `${hubFolder(name)}/onnx/decoder_model_merged_q4.onnx`;

verifyMixers([
  ['LFM2 of the hub, int4', quantized('lfm2_vl')],
  ['Qwen3.5 of the hub, int4', quantized('qwen3_5')],
  ['Gemma 4 of the hub, int4', quantized('gemma4')],
  ['Phi', caseFile('parallel/phi-ts17.onnx')],
  ['Qwen3-MoE', caseFile('moe/qwen3moe-ts17.onnx')],
  ['gpt-oss', caseFile('attention-sinks/gptoss-ts17.onnx')],
]);
