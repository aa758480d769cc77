/** Uniform choice: the baseline that every other method has to beat at the same token counts. */
import { defineMethod } from './method.js';

export const random = defineMethod({
  name: 'random',
  summary: 'a seeded uniform choice, the honest baseline',
  source: 'baseline',
  needs: ['noise'],
  score: (algebra, { noise }, imageMask) => algebra.multiply(noise, imageMask),
});
