/**
 * Phi-3-Vision: CLIP on crops of 336 pixels, of each of which 12 x 12 tokens are left, with a token
 * after every row and between overview and crops. Source: Phi3VImageProcessor of its repository; its
 * files do not hold the encoder's sizes, so that it is not counted.
 */
import type { VisionFamily } from './reading.js';

const side = 12;
/** Crops across and down. */
const crops = 2;

export const phi3V: VisionFamily = () => {
  const rows = (crops + 1) * side;
  return {
    encoder: null,
    uncounted: 'the vision encoder is not counted: its sizes are not in the file',
    imageTokens: (crops ** 2 + 1) * side ** 2 + rows + 1,
    imageAssumption: 'a square picture in 2 x 2 crops and the overview, with line breaks',
  };
};
