/** An even choice over the image: the baseline that knows where patches are, and nothing else. */
import { defineMethod } from './method.js';

export const uniformGrid = defineMethod({
  name: 'uniform-grid',
  summary: 'an even choice over the image',
  source: 'baseline',
  needs: ['spread'],
  score: (algebra, { spread }, imageMask) => algebra.multiply(spread, imageMask),
});
