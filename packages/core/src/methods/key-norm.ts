/** Key norm (arXiv 2601.17818): tokens with short keys stay. */
import { defineMethod } from './method.js';

export const keyNormMethod = defineMethod({
  name: 'key-norm',
  summary: 'short keys in the layer after the prune',
  source: 'arXiv 2601.17818',
  needs: ['keyNorm'],
  score: (algebra, { keyNorm }, imageMask) =>
    algebra.divide(imageMask, algebra.add(keyNorm, algebra.constant(1e-8))),
});
