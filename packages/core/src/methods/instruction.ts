/** Instruction-guided attention alone: the other half of TransPrune's score (arXiv 2507.20630). */
import { defineMethod, normalizeOverImage } from './method.js';

export const instruction = defineMethod({
  name: 'instruction',
  summary: 'attention of the instruction alone',
  source: 'arXiv 2507.20630',
  needs: ['instructionAttention'],
  score: (algebra, { instructionAttention }, imageMask) =>
    normalizeOverImage(algebra, instructionAttention, imageMask),
});
