/** V2Drop (arXiv 2509.01552): tokens that a layer hardly moves are lazy, and go. */
import { defineMethod } from './method.js';

export const v2drop = defineMethod({
  name: 'v2drop',
  summary: 'how far the last layer moved a token',
  source: 'arXiv 2509.01552',
  needs: ['variation'],
  score: (algebra, { variation }, imageMask) => algebra.multiply(variation, imageMask),
});
