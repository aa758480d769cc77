/** Decoders of other exporters, and those whose layers are no plain attention and FFN, each after the other. */
import { type HubModel, hubFolder } from '@transprune/fixtures';
import { testedCases, verifyCases, verifyMixers } from '../testing/verify.js';

const quantized = (name: HubModel) => `${hubFolder(name)}/onnx/decoder_model_merged_q4.onnx`;

const { plain, mixed } = testedCases('long');

verifyCases(plain);

verifyMixers([
  ...mixed,
  ['LFM2 of the hub, int4', quantized('lfm2_vl')],
  ['Qwen3.5 of the hub, int4', quantized('qwen3_5')],
  ['Gemma 4 of the hub, int4', quantized('gemma4')],
]);
