/** Vision encoders by the model's own `model_type`. */
import { type Fields, fieldsOf } from '../fields.js';
import { cohereVision } from './cohere.js';
import { fastVlm } from './fast-vlm.js';
import { gemma3, gemma3n, gemma4, paliGemma } from './gemma.js';
import { idefics2 } from './idefics2.js';
import { idefics3 } from './idefics3.js';
import { internVl } from './internvl.js';
import { lfm2Vl } from './lfm2-vl.js';
import { llava, llavaNext, llavaOnevision } from './llava.js';
import { glm, paddleOcr } from './ocr.js';
import { phi3V } from './phi3-v.js';
import { pixtral } from './pixtral.js';
import { qwen2Vl, qwen3Vl, qwen25Vl, qwen35 } from './qwen.js';
import type { VisionFamily, VisionReading } from './reading.js';

const families: Readonly<Record<string, VisionFamily>> = {
  llava,
  llava_next: llavaNext,
  llava_onevision: llavaOnevision,
  llava_qwen2: fastVlm,
  fast_vlm: fastVlm,
  idefics2,
  idefics3,
  smolvlm: idefics3,
  qwen2_vl: qwen2Vl,
  qwen2_5_vl: qwen25Vl,
  qwen3_vl: qwen3Vl,
  qwen3_vl_moe: qwen3Vl,
  qwen3_5: qwen35,
  qwen3_5_moe: qwen35,
  paligemma: paliGemma,
  gemma3,
  gemma3n,
  gemma4,
  lfm2_vl: lfm2Vl,
  'lfm2-vl': lfm2Vl,
  internvl: internVl,
  internvl_chat: internVl,
  aya_vision: cohereVision,
  cohere2_vision: cohereVision,
  mistral3: pixtral,
  lighton_ocr: pixtral,
  phi3_v: phi3V,
  paddleocr_vl: paddleOcr,
  glm4v: glm,
  glm_ocr: glm,
};

export const visionFamilies = Object.keys(families) as readonly string[];

/** Families whose files describe the picture without a `vision_config`. */
const withoutConfig: readonly string[] = ['llava_qwen2', 'phi3_v'];

/**
 * Reads the vision encoder, or answers null if the model's family is not among `visionFamilies`, or its
 * encoder is another one than the family's.
 *
 * @param outer the whole `config.json`
 * @param decoderHidden the decoder's hidden size, where the projector ends
 * @throws TransPruneError INVALID_MODEL that names the field that is not a size
 */
export function visionReading(outer: Fields, decoderHidden: number): VisionReading | null {
  const type = String(outer.model_type);
  const family = families[type];
  if (!family) return null;
  if (outer.vision_config === undefined) {
    return withoutConfig.includes(type) ? family(outer, {}, decoderHidden) : null;
  }
  return family(outer, fieldsOf(outer.vision_config, 'vision_config'), decoderHidden);
}
