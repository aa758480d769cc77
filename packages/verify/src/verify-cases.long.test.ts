/** Decoders of other exporters, and those whose layers are no plain attention and FFN, each after the other. */
import { caseFile, type HubModel, hubFolder } from '@transprune/fixtures';
import { verifyCases, verifyMixers } from '../testing/verify.js';

const quantized = (name: HubModel) => `${hubFolder(name)}/onnx/decoder_model_merged_q4.onnx`;

verifyCases([
  'deepstack/qwen3vl-mobius.onnx',
  'fused-matmul/qwen3-ts17-ort-extended.onnx',
  'gated-attention/qwen35-genai-static.onnx',
  'gqa-head-dim-symbolic/llama-genai-dml.onnx',
  'keep-flat-rotary-table/qwen25vl-genai-static.onnx',
  'mrope-four-rows-verify/q25-rows4.onnx',
  'post-norm/olmo2-ts17.onnx',
  'unsorted-nodes/smollm3-fp16.onnx',
]);

verifyMixers([
  ['Qwen3.5 by GenAI', caseFile('hybrid/qwen35-genai-hybrid.onnx')],
  ['LFM2 of the hub, int4', quantized('lfm2_vl')],
  ['Qwen3.5 of the hub, int4', quantized('qwen3_5')],
  ['Gemma 4 of the hub, int4', quantized('gemma4')],
  ['Phi', caseFile('parallel/phi-ts17.onnx')],
  ['Qwen3-MoE', caseFile('moe/qwen3moe-ts17.onnx')],
  ['gpt-oss', caseFile('attention-sinks/gptoss-ts17.onnx')],
]);
