/** Token transition alone: one half of TransPrune's score (arXiv 2507.20630, the ablation of its table 6). */
import { defineMethod, normalizeOverImage } from './method.js';

export const transition = defineMethod({
  name: 'transition',
  summary: 'token transition alone',
  source: 'arXiv 2507.20630',
  needs: ['transition'],
  score: (algebra, signals, imageMask) =>
    normalizeOverImage(algebra, signals.transition, imageMask),
});
