/** DASH (arXiv 2604.18103): tokens that attention hardly moves any more are settled, and go. */
import { defineMethod } from './method.js';

export const dash = defineMethod({
  name: 'dash',
  summary: 'how far attention moved a token in the last layer',
  source: 'arXiv 2604.18103',
  needs: ['attentionUpdate'],
  score: (algebra, { attentionUpdate }, imageMask) => algebra.multiply(attentionUpdate, imageMask),
});
