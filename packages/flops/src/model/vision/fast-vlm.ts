/** FastVLM: a convolutional encoder, not counted, of which 64 x 64 pixels become one image token. */
import { numberIn } from '../fields.js';
import type { VisionFamily } from './reading.js';

/** Pixels along the edge of what becomes one token. */
const unit = 64;

/** Apple's own files name the encoder and its edge: `mobileclip_l_1024`. */
export const fastVlm: VisionFamily = (outer) => {
  const declared = numberIn(outer, 'image_seq_length');
  const edge = Number(/mobileclip_l_(\d+)/.exec(String(outer.mm_vision_tower))?.[1] ?? Number.NaN);
  const tokens = declared ?? (Number.isInteger(edge) ? Math.floor(edge / unit) ** 2 : null);
  if (tokens === null) return null;
  return {
    encoder: null,
    uncounted: 'the vision encoder is not counted: FastViTHD is convolutional',
    imageTokens: tokens,
    imageAssumption:
      declared === null
        ? `one picture of ${edge} x ${edge} pixels`
        : 'as its image_seq_length says',
  };
};
