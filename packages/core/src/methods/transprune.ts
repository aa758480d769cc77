/**
 * TransPrune: token transition plus instruction-guided attention, both scaled to sum 1 over the
 * image tokens that are left.
 *
 * Source: TransPrune (CVPR 2026, arXiv 2507.20630), formula 5 at alpha = 0.5, in the unweighted form
 * of the authors' code; the two rank alike.
 */
import { defineMethod, normalizeOverImage } from './method.js';

export const transprune = defineMethod({
  name: 'transprune',
  summary: 'token transition + instruction-guided attention',
  source: 'arXiv 2507.20630',
  needs: ['transition', 'instructionAttention'],
  score: (algebra, { transition, instructionAttention }, imageMask) =>
    algebra.add(
      normalizeOverImage(algebra, transition, imageMask),
      normalizeOverImage(algebra, instructionAttention, imageMask),
    ),
});
